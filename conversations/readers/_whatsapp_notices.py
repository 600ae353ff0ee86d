"""What WhatsApp tells about a message instead of showing it, in the languages of its users.

Public knowledge, compared as :mod:`conversations.readers._whatsapp_words` says.
"""

from typing import Final

from conversations.readers._whatsapp_words import folded


def _words(*lines: str) -> frozenset[str]:
    return frozenset(folded(word) for line in lines for word in line.split("|"))


DELETED: Final = _words(
    "This message was deleted|You deleted this message|This message was deleted by an admin",
    "You deleted this message as admin|Diese Nachricht wurde gelöscht",
    "Du hast diese Nachricht gelöscht|Diese Nachricht wurde von einem Admin gelöscht",
    "Se eliminó este mensaje|Eliminaste este mensaje|Este mensaje fue eliminado",
    "Ce message a été supprimé|Vous avez supprimé ce message",
    "Questo messaggio è stato eliminato|Hai eliminato questo messaggio",
    "Esta mensagem foi apagada|Apagou esta mensagem|Mensagem apagada|Você apagou esta mensagem",
    "Esta mensagem foi apagada pelo remetente|Dit bericht is verwijderd",
    "U hebt dit bericht verwijderd|Je hebt dit bericht verwijderd|Данное сообщение удалено",
    "Вы удалили данное сообщение|Вы удалили это сообщение|Это сообщение было удалено",
    "Це повідомлення було видалено|Ви видалили це повідомлення|Съобщението беше изтрито",
    "Изтрихте това съобщение|Ова порука је обрисана|Обрисао/ла си ову поруку",
    "Оваа порака беше избришана|Ја избриша оваа порака|Бұл хат жойылды|Сіз бұл хатты жойдыңыз",
    "Ta wiadomość została usunięta|Usunąłeś(-ęłaś) tę wiadomość|Usunąłeś(aś) tę wiadomość",
    "Tato zpráva byla smazána|Tato zpráva byla odstraněna|Tuto zprávu jste smazal/a",
    "Tuto zprávu jste odstranil/a|Táto správa bola odstránená|Túto správu ste odstránili",
    "Ova je poruka izbrisana|Ova poruka je izbrisana|Izbrisali ste ovu poruku",
    "To sporočilo je bilo izbrisano|To sporočilo ste izbrisali|Ez az üzenet törlésre került",
    "Törölted ezt az üzenetet|Ezt az üzenetet törölted|Acest mesaj a fost șters",
    "Ați șters acest mesaj|Aquest missatge s'ha suprimit|Has suprimit aquest missatge",
    "Aquest missatge està esborrat|Has esborrat aquest missatge|Det här meddelandet raderades",
    "Detta meddelande raderades|Du raderade det här meddelandet|Du raderade detta meddelande",
    "Du har tagit bort meddelandet|Denne meldingen ble slettet|Du slettet denne meldingen",
    "Denne besked er blevet slettet|Denne besked blev slettet|Du har slettet denne besked",
    "Du slettede denne besked|Tämä viesti poistettiin|Poistit tämän viestin",
    "See sõnum on kustutatud|Kustutasid selle sõnumi|Šī ziņa tika izdzēsta",
    "Jūs izdzēsāt šo ziņu|Ši žinutė buvo ištrinta|Jūs ištrynėte šią žinutę",
    "Αυτό το μήνυμα διαγράφηκε|Διαγράψατε αυτό το μήνυμα|Διαγράψατε το μήνυμα|Bu mesaj silindi",
    "Bu mesajı sildiniz|Pesan ini dihapus|Pesan ini telah dihapus|Anda menghapus pesan ini",
    "Anda telah menghapus pesan ini|Mesej ini telah dipadam|Anda telah memadamkan mesej ini",
    "Itong mensahe ay binura na|Binura mo itong mensahe|Ujumbe huu ulifutwa|Umefuta ujumbe huu",
    "Hierdie boodskap was uitgevee|Jy het boodskap uitgevee|Bu ismarıc silindi",
    "Siz bu ismarıcı sildiniz|Ushbu xabar o‘chirildi|Siz ushbu xabarni o‘chirdingiz",
    "Tin nhắn này đã bị xóa|Tin nhắn này đã bị xoá|Bạn đã xóa tin nhắn này",
    "Bạn đã xoá tin nhắn này|ข้อความนี้ถูกลบแล้ว|ข้อความนี้ได้ถูกลบ|คุณได้ลบข้อความนี้",
    "คุณลบข้อความนี้|تم حذف هذه الرسالة|لقد حذَفت هذه الرسالة|أنت حذفت هذه الرسالة",
    "הודעה זו נמחקה|מחקת את ההודעה הזו|מחקת הודעה זו|این پیام حذف شده است|این پیام حذف شد",
    "شما این پیام را حذف کردید|یہ میسج حذف کر دیا گیا ہے|آپ نے یہ میسج حذف کر دیا ہے",
    "یہ پیغام حذف کیا گیا|آپ نے اس پیغام کو حذف کیا|此訊息已刪除|您已刪除此訊息",
    "这条消息已被删除|此消息已删除|信息已删除|您已删除这条消息|您删除这个信息",
    "このメッセージは削除されました|このメッセージを削除しました|이 메시지는 삭제되었습니다",
    "삭제된 메시지입니다|삭제한 메시지입니다|이 메시지를 삭제했습니다",
    "यह मैसेज डिलीट कर दिया गया है|आपने यह मैसेज डिलीट किया|यह संदेश मिटाया गया",
    "आपने यह संदेश मिटाया|हा मेसेज हटवण्यात आला|तुम्ही हा मेसेज हटवला|આ મેસેજ ડિલીટ કરાયો",
    "તમે આ મેસેજ ડિલીટ કર્યો|এই মেসেজটি বাদ দেওয়া হয়েছে|আপনি এই মেসেজটি বাদ দিয়েছেন",
    "இத்தகவல் திரும்பப்பெறப்பட்டது|இத்தகவலை தாங்கள் அழித்தீர்கள்|ഈ സന്ദേശം ഇല്ലാതാക്കിയതാണ്",
    "ഈ സന്ദേശം നിങ്ങൾ ഇല്ലാതാക്കി|ಈ ಸಂದೇಶವು ಅಳಿಸಲ್ಪಟ್ಟಿದೆ|ਇਸ ਸੁਨੇਹੇ ਨੂੰ ਹਟਾਇਆ ਗਿਆ",
    "ਤੁਸੀਂ ਇਹ ਸੁਨੇਹਾ ਹਟਾਇਆ",
)

MISSED_CALL: Final = _words(
    "Missed voice call|Missed video call|Missed group voice call|Missed group video call",
    "Verpasster Sprachanruf|Verpasster Videoanruf|Verpasster Gruppen-Sprachanruf",
    "Verpasster Gruppen-Videoanruf|Llamada perdida|Llamada de voz perdida|Videollamada perdida",
    "Appel vocal manqué|Appel vidéo manqué|Chiamata vocale persa|Videochiamata persa",
    "Chamada de voz perdida|Videochamada perdida|Chamada de vídeo perdida",
    "Ligação de voz perdida|Gemist spraakgesprek|Gemist videogesprek|Gemiste spraakoproep",
    "Gemiste video-oproep|Пропущенный аудиозвонок|Пропущенный видеозвонок",
    "Пропущений аудіодзвінок|Пропущений відеодзвінок|Пропуснато гласово обаждане",
    "Пропуснато видео обаждане|Пропуштен гласовни позив|Пропуштен видео позив",
    "Пропуштен гласовен повик|Пропуштен видео повик|Жауапсыз қоңырау|Жауапсыз видео қоңырау",
    "Nieodebrane połączenie|Nieodebrane poł. głosowe|Nieodebrane poł. wideo|Zmeškaný hovor",
    "Zmeškaný hlasový hovor|Zmeškaný videohovor|Propušten glasovni poziv|Propušten video poziv",
    "Propušteni glasovni poziv|Propušteni videopoziv|Zgrešen klic|Neodgovorjen video klic",
    "Nem fogadott hanghívás|Nem fogadott videohívás|Nem fogadott videóhívás",
    "Apel vocal nepreluat|Apel vocal ratat|Apel video nepreluat|Apel video ratat",
    "Trucada de veu perduda|Videotrucada perduda|Trucada de vídeo perduda|Missat röstsamtal",
    "Missat samtal|Missat videosamtal|Tapt taleanrop|Tapt videoanrop|Ubesvaret taleopkald",
    "Mistet opkald|Ubesvaret videoopkald|Mistede video opkald|Vastaamaton äänipuhelu",
    "Vastaamaton videopuhelu|Vastamata häälkõne|Vastamata videokõne|Neatbildēts balss zvans",
    "Neatbildēts video zvans|Praleistas balso skambutis|Praleistas video skambutis",
    "Thirrje e shmangur|Videothirrje e shmangur|Αναπάντητη φωνητική κλήση|Αναπάντητη κλήση",
    "Αναπάντητη βιντεοκλήση|Cevapsız sesli arama|Cevapsız görüntülü arama",
    "Panggilan suara tak terjawab|Panggilan video tak terjawab|Panggilan suara terlepas",
    "Panggilan video terlepas|Nakaligtaang voice call|Nakaligtaang video call",
    "Simu ya sauti uliyoikosa|Simu ya video uliyoikosa|Buraxılmış zəng|Buraxılmış video zəng",
    "Cuộc gọi nhỡ|Cuộc gọi nhỡ video|Cuộc gọi thoại nhỡ|สายที่ไม่ได้รับ|วิดีโอคอลที่ไม่ได้รับ",
    "مكالمة صوتية فائتة|مكالمة فيديو فائتة|שיחה קולית שלא נענתה|שיחת וידאו שלא נענתה",
    "تماس صوتی پاسخ داده نشده|تماس تصویری پاسخ داده نشده|مسڈ وائس کال|مسڈ ویڈیو کال",
    "未接語音通話|未接视频通话|未接语音通话|未接視像通話|未接視訊通話|音声通話不在着信",
    "不在着信|ビデオ通話不在着信|부재중 전화|부재중 영상통화|부재중 음성 통화|부재중 영상 통화",
    "मिस्ड वॉइस कॉल|मिस्ड वीडियो कॉल|वॉइस कॉल मिस हुई|मिस्ड व्हॉइस कॉल|मिस्ड व्हिडिओ कॉल",
    "છૂટેલો વોઇસ કૉલ|છૂટી ગયેલ વિડિયો કૉલ|ভয়েস কল মিস করেছেন|ভিডিও কল মিস করেছেন",
    "தவறிய குரல் அழைப்பு|தவறிய காணொலி அழைப்பு",
)

CALL: Final = _words(
    "Voice call|Video call|Group call|Group voice call|Group video call|Silenced voice call",
    "Silenced video call|Sprachanruf|Videoanruf|Llamada de voz|Videollamada|Appel vocal",
    "Appel vidéo|Chiamata vocale|Videochiamata|Chamada de voz|Chamada de vídeo|Videochamada",
    "Ligação de voz|Spraakoproep|Video-oproep|Аудиозвонок|Видеозвонок|Аудіодзвінок",
    "Відеодзвінок|Sesli arama|Görüntülü arama|Panggilan suara|Panggilan video|语音通话",
    "视频通话|語音通話|視訊通話|音声通話|ビデオ通話|음성 통화|영상 통화|مكالمة صوتية",
    "مكالمة فيديو|שיחה קולית|שיחת וידאו|वॉइस कॉल|वीडियो कॉल",
)
"""Words that people use as well: a notice only where U+200E stands before them."""

LIVE_LOCATION: Final = _words(
    "live location shared|Live-Standort wird geteilt|ubicación en tiempo real compartida",
    "Localisation en direct partagée|posizione attuale condivisa",
    "posizione in tempo reale condivisa|localização atual compartilhada",
    "localização em tempo real compartilhada|Está a partilhar a sua localização",
    "live locatie gedeeld|Геоданные отправлены|геодані надіслано|Mevcut konum paylaşıldı",
    "Lokasi terkini dibagikan|lokasi terkini dikongsi|vị trí hiện thời được chia sẻ",
    "ตำแหน่งปัจจุบันถูกแบ่งปัน|تمت مشاركة الموقع المباشر|משתף מיקום בשידור חי",
    "مکان زنده به اشتراک گذاشته شد|共享实时位置|實時位置已分享|ライブロケーション共有",
    "공유한 실시간 위치|liveposition delad|posisjon i sanntid delt|live placering delt",
    "live-sijainti jaettu|bola zdieľaná aktuálna poloha|byla sdílena aktuální poloha",
    "udostępniona transmisja położenia|locație în timp real distribuită",
    "tartózkodási hely megosztva|trenutna lokacija podijeljena|Ubicació en directe compartida",
    "η τωρινή τοποθεσία κοινοποιήθηκε|लाइव स्थान साझा किया गया",
)

EDITED: Final = _words(
    "This message was edited|Diese Nachricht wurde bearbeitet|Se editó este mensaje",
    "Este mensaje fue editado|Este mensaje se editó|Ce message a été modifié",
    "Questo messaggio è stato modificato|Mensagem editada|Esta mensagem foi editada",
    "Dit bericht is bewerkt|Данное сообщение изменено|Сообщение изменено",
    "Это сообщение изменено|Це повідомлення відредаговано|Повідомлення змінено",
    "Ta wiadomość została edytowana|Wiadomość edytowana|Tato zpráva byla upravena",
    "Táto správa bola upravená|Ez az üzenet szerkesztve lett|Acest mesaj a fost editat",
    "Aquest missatge s'ha editat|Det här meddelandet har redigerats",
    "Det här meddelandet redigerades|Denne meldingen ble redigert|Denne besked blev redigeret",
    "Denne besked er blevet redigeret|Tätä viestiä muokattiin|Viestiä muokattiin",
    "Αυτό το μήνυμα τροποποιήθηκε|Bu mesaj düzenlendi|Pesan ini diedit|Pesan ini telah diedit",
    "Mesej ini telah diedit|Tin nhắn này đã được chỉnh sửa|ข้อความนี้ถูกแก้ไขแล้ว",
    "تم تعديل هذه الرسالة|הודעה זו נערכה|ההודעה נערכה|این پیام ویرایش شد|此消息已编辑",
    "消息已编辑|此訊息已編輯|訊息已編輯|このメッセージは編集されました",
    "이 메시지는 수정되었습니다|यह मैसेज एडिट किया गया है",
)

POLL: Final = _words(
    "POLL|UMFRAGE|ENCUESTA|SONDAGE|SONDAGGIO|ENQUETE|VOTAÇÃO|SONDAGEM|PEILING|POLLING|ANKET",
    "ОПРОС|ОПИТУВАННЯ|ANKIETA|ANKETA|SZAVAZÁS|SONDAJ|ENQUESTA|OMRÖSTNING|AVSTEMNING|AFSTEMNING",
    "KYSELY|ΨΗΦΟΦΟΡΙΑ|JAJAK PENDAPAT|TINJAUAN|CUỘC THĂM DÒ Ý KIẾN|โพล|استطلاع رأي|استطلاع|סקר",
    "نظرسنجی|投票|アンケート|투표|설문|पोल",
)

ENCRYPTED: Final = tuple(
    sorted(
        _words(
            "Messages and calls are end-to-end encrypted",
            "Messages to this chat and calls are now",
            "Messages you send to this chat and calls are now|Messages to this group are now",
            "Messages you send to this group are now|Nachrichten und Anrufe sind Ende-zu-Ende",
            "Nachrichten an diesen Chat|Nachrichten in diesem Chat",
            "Nachrichten, die du in diesem Chat|Los mensajes y las llamadas están cifrados",
            "Los mensajes y llamadas en este chat|Los mensajes en este grupo",
            "Les messages et les appels sont chiffrés|Les messages envoyés dans ce",
            "I messaggi e le chiamate sono crittografati|I messaggi inviati in questa chat",
            "As mensagens e as chamadas são protegidas|As mensagens e chamadas são encriptadas",
            "Berichten en gesprekken worden end-to-end|Сообщения и звонки защищены",
            "Сообщения, которые вы отправляете в данный чат|Повідомлення й дзвінки захищено",
            "Wiadomości i połączenia są w pełni zaszyfrowane|Zprávy a hovory jsou opatřeny",
            "Zprávy a hovory jsou zabezpečeny|Správy a hovory sú",
            "Az üzenetek és hívások végpontok|Mesajele și apelurile sunt criptate",
            "Els missatges i les trucades estan xifrats|Meddelanden och samtal är komplett",
            "Meldinger og samtaler er ende-til-ende|Beskeder og opkald er end-to-end",
            "Viestit ja puhelut salataan|Poruke i pozivi zaštićeni su",
            "Τα μηνύματα και οι κλήσεις|Mesajlar ve aramalar uçtan uca",
            "Pesan dan panggilan terenkripsi|Mesej dan panggilan",
            "Tin nhắn và cuộc gọi được mã hóa|ข้อความและการโทรได้รับการเข้ารหัส",
            "الرسائل والمكالمات مشفرة|ההודעות והשיחות מוצפנות|پیامها و تماسها سرتاسر",
            "消息和通话都进行端到端加密|消息和通话已进行端到端加密|訊息和通話經端對端加密",
            "訊息已受端對端加密|訊息和通話已受端對端加密",
            "メッセージと通話はエンドツーエンド暗号化|メッセージと通話は、エンドツーエンド",
            "메시지 및 전화는 종단간 암호화|메시지와 통화는 종단간 암호화",
            "मैसेजेस और कॉल्स एंड-टू-एंड|मेसेजेस आणि कॉल्स एन्ड-टू-एन्ड",
            "মেসেজ এবং কল এন্ড-টু-এন্ড",
        )
    )
)
"""How the notice begins that stands at the head of most chats."""

OFFER: Final = _words(
    "Tap to learn more|Tippe, um mehr zu erfahren|Appuyez pour en savoir plus",
    "Pulsa para obtener más información|Toca para obtener más información",
    "Toque para saber mais|Tocca per saperne di più|Tik voor meer informatie|Подробнее",
    "Торкніться, щоб дізнатися більше|Další informace zobrazíte klepnutím",
    "Daha fazla bilgi edinmek için dokunun|Ketuk untuk info selengkapnya|Nhấn để tìm hiểu thêm",
    "انقر هنا لمعرفة المزيد|点击了解更多|點擊以了解更多|點按以瞭解詳情|タップして詳細を表示",
    "더 알아보려면 탭하세요|יש להקיש לקבלת פרטים נוספים|แตะเพื่อเรียนรู้เพิ่มเติม",
    "Πατήστε για να μάθετε περισσότερα|Tryck för att läsa mer|Trykk for å lære mer",
    "Tryk for at læse mere|Napauta saadaksesi lisätietoja|Klepnite pre viac informácií",
    "Stuknij, aby dowiedzieć się więcej|Atingeți pentru a afla mai multe",
    "További információért koppints|Dodirnite da biste saznali više",
    "Toca per obtenir més informació|Ketik untuk mengetahui lebih lanjut",
    "برای کسب اطلاعات بیشتر، ضربه بزنید|مزید جاننے کیلئے ٹیپ کریں",
    "ज़्यादा जानने के लिए टैप करें|अधिक जाणून घेण्यासाठी टॅप करा|વધુ જાણવા માટે અહીં દબાવો",
    "আরও জানতে ট্যাপ করুন",
)
"""How notices end that offer to tell more."""

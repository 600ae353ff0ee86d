"""What WhatsApp itself writes into an export, in the languages of its users.

Public knowledge: the words that the app shows and exports. They are compared without case, marks
of direction and the full stop at the end (:func:`folded`), so one spelling of each is enough.
Languages follow one another without order; a word of a language that is missing is an entry more.
"""

import re
from functools import lru_cache
from typing import Final

from conversations.events import MediaKind

_MARKS: Final = dict.fromkeys(
    map(ord, "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)
_SPACES: Final = re.compile(r"\s+")


def unmarked(text: str) -> str:
    """A text without marks of direction, with plain spaces, trimmed."""
    return _SPACES.sub(" ", text.translate(_MARKS)).strip()


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """How words are compared; of short texts only, for the last ones are remembered."""
    return unmarked(text).rstrip(".。۔ ").casefold()


def _words(*lines: str) -> frozenset[str]:
    return frozenset(folded(word) for line in lines for word in line.split("|"))


def _listed(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split("|"))


FORENOON: Final = _listed(
    "am|上午|凌晨|清晨|早上|早晨|午前|오전|ص|صباحًا|ق.ظ|قبل‌ازظهر|π.μ|sa|öö|de|dop|pg|f.m|ap|vm|дп",
    'пр.об|לפנה״צ|לפנה"צ|ก่อนเที่ยง|पूर्वाह्न|পূর্বাহ্ণ|முற்பகல்|priešpiet|priekšp|pd|म.पू',
    "priekšpusdienā|e paradites|ព្រឹក|ກ່ອນທ່ຽງ|နံနက်|ү.ө|ԿԱ|r.n|f.h|gh|ጥዋት|පෙ.ව|ಪೂರ್ವಾಹ್ನ|ਪੂ.ਦੁ|to",
)
AFTERNOON: Final = _listed(
    "pm|下午|中午|傍晚|晚上|晚間|夜晚|午後|오후|م|مساءً|ب.ظ|بعدازظهر|μ.μ|ch|ös|du|odp|pop|ptg|e.m|ip|nm",
    'пп|сл.об|אחה״צ|אחה"צ|หลังเที่ยง|अपराह्न|অপরাহ্ণ|பிற்பகல்|popiet|pēcp|md|म.उ',
    "pēcpusdienā|e pasdites|ល្ងាច|ຫຼັງທ່ຽງ|ညနေ|ү.х|ԿՀ|i.n|e.h|gd|ከሰዓት|ප.ව|ಅಪರಾಹ್ನ|ਬਾ.ਦੁ|tk",
)
NOON: Final = "中午"

# Android: "IMG-20220318-WA0001.jpg (file attached)"
ATTACHED: Final = _words(
    "file attached|attached|Datei angehängt|archivo adjunto|archivo adjuntado|fichier joint",
    "file allegato|arquivo anexado|ficheiro anexado|bestand bijgevoegd|dosya ekli",
    "fișier atașat|файл добавлен|файл прикреплён|файл прикреплен|файл додано|прикачен файл",
    "прикачен фајл|прикачена датотека|қосымша файл|soubor byl přiložen|súbor pripojený",
    "priložena datoteka|datoteka u privitku|załączony plik|plik załączony|fájl csatolva",
    "arxiu adjunt|bifogad fil|fil vedhæftet|vedlagt fil|liitetiedosto|tiedosto liitetty",
    "fail lisatud|pievienots fails|byla prisegta|skedë e ngjitur|lêer aangeheg",
    "συνημμένο αρχείο|file terlampir|fail dilampirkan|nakalakip na file|faili limeambatanishwa",
    "tệp đính kèm|đính kèm tệp|fayl biriktirildi|fayl əlavə olunub|الملف مرفق|ملف مرفق",
    "קובץ מצורף|پیوست شد|پیوستہ فائل|文件附件|附件檔案|檔案附件|附件|添付ファイル有り",
    "添付ファイル|파일 첨부됨|파일 첨부|ไฟล์ที่แนบ|फाइल संलग्न|फाइल अटैच कर दी गई है",
    "फ़ाइल अटैच की गई|ફાઇલ જોડાયેલ|ফাইল সংযুক্ত হয়েছে|ఫైల్ జోడించబడినది|ഫയൽ ചേർത്തു",
    "ಕಡತ ಸೇರಿಸಲಾಯಿತು|ਅਟੈਚ ਕੀਤੀ ਫਾਇਲ|ணைக்கப்பட்டத|கோப்பு இணைக்கப்பட்டது",
)

# iPhone: "<attached: 00000035-PHOTO-2022-03-18-14-56-01.jpg>"
ATTACHED_IN_ANGLES: Final = _words(
    "attached|pièce jointe|adjunto|anexo|anexado|allegato|Anhang|angehängt|bijgevoegd|bifogat",
    "vedlagt|vedhæftet|liite|príloha|příloha|přiloženo|priloženo|załączono|atașare|csatolva",
    "прикреплено|додано|επισυνάφθηκε|eklendi|terlampir|dilampir|dilampirkan|đính kèm|แนบ|附件",
    "첨부됨|添付ファイル|添付|المُرفق|المرفق|مرفق|מצורף|پیوست|پیوستہ|अटैच किया गया|संलग्न केले",
    "જોડાયેલ|ceangailte|adjunt|সংযুক্ত",
)

# Android: "<Media omitted>"
MEDIA_OMITTED: Final = _words(
    "Media omitted|Medien ausgeschlossen|Medien weggelassen|Multimedia omitido|Archivo omitido",
    "Médias omis|Fichier omis|Média omis|Media omessi|Media omesso|File multimediale omesso",
    "Mídia oculta|Arquivo de mídia oculto|Mídia omitida|Ficheiro não revelado",
    "Multimédia omitida|Media weggelaten|Media weggelaat|Medya dahil edilmedi|Medya atlanmış",
    "Без медиафайлов|Медиа скрыто|Файл пропущен|Без файл|Без фајл|медији су изостављени",
    "Медіа пропущено|Без медіафайлів|Файл қосылған жоқ|Média vynechány|Média vynechána",
    "Médiá vynechané|Medij izpuščen|Medijski zapis izostavljen|pliki pominięto",
    "pominięto multimedia|Hiányzó médiafájl|Média kihagyva|Mitjans omesos|Multimèdia omesa",
    "Media har utelämnats|Media utelämnade|Mediefil udeladt|Medier udeladt|Uten vedlegg",
    "Media utelatt|Media jätetty pois|Mediatiedosto jätettiin pois|Meedia ära jäetud",
    "Bez multivides|Praleistas medijos turinys|Pa media|Conținut media omis|Εξαίρεση πολυμέσων",
    "Media tidak disertakan|Media disingkirkan|Media dikecualikan|Walang kalakip na media",
    "Media imerukwa|Bỏ qua Media|Tệp media bị bỏ qua|Fayl o‘tkazib yuborildi",
    "Media çıxarılmışdır|تم استبعاد الوسائط|الوسائط غير مدرجة|מדיה הושמטה|המדיה לא נכללה",
    "پيوست نما/آهنگ حذف شد|رسانه حذف شد|میڈیا چھوڑ دیا گیا|省略多媒体文件|媒体文件已省略",
    "忽略多媒體檔|已省略多媒體檔|略去多媒體檔案|メディアは含まれていません|メディアなし",
    "미디어 파일을 생략한 대화내용|미디어 파일 제외됨|미디어 제외됨|สื่อถูกลบ|ไม่รวมสื่อ",
    "मीडिया के बिना|मीडिया वगळले|મીડિયા અવગણાયું|মিডিয়া বাদ দেওয়া হয়েছে",
    "మాధ్యమం విస్మరించబడింది|മീഡിയ ഒഴിവാക്കി|ಮೀಡಿಯಾ ಕೈಬಿಡಲಾಗಿದೆ|ਮੀਡੀਆ ਛੱਡਿਆ ਗਿਆ",
    "ஊடகங்கள் நீக்கப்பட்டது|video message omitted|video note omitted",
    "View once voice message omitted",
)

_IMAGE: Final = _words(
    "image omitted|Bild weggelassen|image absente|image omise|immagine omessa|imagen omitida",
    "imagem não revelada|imagem ocultada|imagem omitida|afbeelding weggelaten|bild utesluten",
    "bilde ikke inkludert|bilde utelatt|billede udeladt|ei kuvaa|kuva jätetty pois",
    "obraz pominięty|obrázek vynechán|obrázok vynechaný|slika izostavljena",
    "kép küldése sikertelen|kép kihagyva|imagine omisă|imatge omesa|изображение отсутствует",
    "зображення відсутнє|εικόνα παραλείφθηκε|görüntü dahil edilmedi|gambar tidak disertakan",
    "imej tidak dimasukkan|đã bỏ qua hình ảnh|ไม่มีรูปภาพ|لم يتم إدراج الصورة|התמונה הושמטה",
    "تصویر حذف شد|تصویر نکال دی گئی ہے|圖片已略去|圖像已省略|照片已忽略|图像已忽略|图片已忽略",
    "画像は含まれていません|画像が除外されています|이미지 생략됨|사진 생략됨|फ़ोटो हटाई गई",
    "इमेज वगळली|છબી પડતી મૂકાઈ|ইমেজ বাদ দেওয়া হয়েছে|íomhá ligthe ar lár|GIF omitted",
    "GIF weggelassen|GIF retiré|GIF omis|GIF esclusa|GIF omitido|GIF não revelada|GIF omitida",
    "GIF weggelaten|GIF utesluten|GIF utelatt|GIF udeladt|GIF-animaatio jätetty pois",
    "Plik GIF pominięty|GIF vynechán|GIF vynechaný|GIF izostavljen|GIF fájl kihagyása|GIF omès",
    "GIF отсутствует|GIF-анімацію пропущено|Παράληψη GIF|GIF dahil edilmedi",
    "GIF tidak disertakan|GIF tidak dimasukkan|Đã bỏ qua ảnh GIF|ละเว้น GIF",
    "لم يتم إدراج صورة GIF|GIF הושמט|GIF حذف شد|GIF نظرانداز|GIF 已略去|GIF 圖片已被省略",
    "GIF 动态图已被忽略|GIFは含まれていません|GIF 생략됨|GIF छोड़ा गया|GIF वगळले",
    "GIF પડતી મૂકાઈ|জিআইএফ বাদ দেওয়া হয়েছে|GIF ligthe ar lár",
)
_VIDEO: Final = _words(
    "video omitted|Video weggelassen|vidéo absente|vidéo omise|video omesso|vídeo omitido",
    "video omitido|vídeo não revelado|video weggelaten|video utesluten|video utelatt",
    "video udeladt|videota ei sisällytetä|wideo pominięte|video vynecháno|video vynechané",
    "video izostavljen|Videó kihagyva|clip video omis|vídeo omès|видео отсутствует",
    "відео відсутнє|βίντεο παραλείφθηκε|video dahil edilmedi|video tidak disertakan",
    "video tidak dimasukkan|đã bỏ video|วิดีโอถูกลบ|لم يتم إدراج الفيديوهات",
    "סרטון הווידאו הושמט|ویدیو حذف شد|ویڈیو نظرانداز|影片已略去|影片已省略|视频已忽略",
    "ビデオは含まれていません|動画は含まれていません|비디오 생략됨|동영상 생략됨",
    "वीडियो छोड़ा गया|व्हिडीओ वगळला|વિડિયો પડતી મુકાઈ|ভিডিও বাদ দেওয়া হয়েছে",
    "físeán ligthe ar lár|video note omitted|Videonachricht weggelassen",
)
_AUDIO: Final = _words(
    "audio omitted|Audio weggelassen|audio omis|audio omesso|audio omitido|áudio ocultado",
    "áudio omitido|ficheiro de áudio não revelado|audio weggelaten|ljud utelslutet",
    "ljud uteslutet|lyd utelatt|lyd udeladt|äänitiedostoa ei sisällytetä|audio pominięte",
    "zvukový soubor vynechán|zvuk vynechaný|zvuk izostavljen|Hang kihagyása|fără audio",
    "àudio omès|аудиофайл отсутствует|аудио отсутствует|аудіо відсутнє|ήχος παραλείφθηκε",
    "ses dahil edilmedi|audio tidak disertakan|audio tidak dimasukkan|bỏ qua tệp âm thanh",
    "ไม่มีไฟล์เสียง|لم يتم إدراج المقاطع الصوتية|קטע קול הושמט|صدا حذف شد|آڈیو نظرانداز",
    "音訊已略去|音訊已省略|音频已忽略|音声は含まれていません|오디오 생략됨|ऑडियो हटाई गयी",
    "ऑडिओ वगळला|ઓડિયો ફાઇલ શામેલ કરી નથી|অডিও বাদ দেওয়া হয়েছে|comhad fuaime ar lár",
)
_STICKER: Final = _words(
    "sticker omitted|Sticker weggelassen|sticker omis|sticker non incluso|sticker omitido",
    "sticker não revelado|figurinha omitida|sticker weggelaten|sticker utesluten",
    "klistremerke utelatt|klistermærke udeladt|tarraa ei sisällytetty|pominięto naklejkę",
    "nálepka vynechána|nálepka vynechaná|naljepnica izostavljena|matrica kihagyva|adhesiu omès",
    "стикер не добавлен|стикер отсутствует|Наклейку не додано|αυτοκόλλητο παραλήφθηκε",
    "Çıkartma dahil edilmedi|stiker tidak disertakan|pelekat tidak disertakan|đã bỏ sticker",
    "ไม่มีสติกเกอร์|تم حذف الملصقات|סטיקר הושמט|استیکر حذف شد|اسٹیکر نظرانداز|貼圖已略去",
    "貼圖已忽略|贴图已省略|贴图已忽略|スタンプは含まれていません|스티커 제외됨",
    "स्टिकर छोड़ा गया|स्टिकर वगळले|સ્ટીકર પડતું મુકાયું|স্টিকার বাদ দেওয়া হয়েছে",
    "fágadh an greamán ar lár",
)
_DOCUMENT: Final = _words(
    "document omitted|Dokument weggelassen|document manquant|document omis|documento omesso",
    "documento omitido|documento não revelado|document weggelaten|dokument uteslutet",
    "utelatt dokument|dokument udeladt|dokumenttia ei sisällytetä|dokument pominięty",
    "dokument vynechán|dokument vynechaný|dokument izostavljen|dokumentum kihagyva",
    "document omès|документ отсутствует|документ пропущено|έγγραφο παραλείφθηκε",
    "belge dahil edilmedi|dokumen tidak disertakan|dokumen tidak dimasukkan|đã bỏ qua tài liệu",
    "ละเว้นเอกสาร|لم يتم إدراج المستند|מסמך הושמט|سند حذف شد|دستاویز نظرانداز|文件已略去",
    "文件已忽略|文件已省略|文档已省略|文档已忽略|ドキュメントは含まれていません|문서 생략됨",
    "डॉक्यूमेंट छोड़ा गया|डॉक्युमेंट वगळले|ડોક્યુમેન્ટ સામેલ કર્યું નહિ",
    "ডকুমেন্ট বাদ দেওয়া হয়েছে|cáipéis ligthe ar lár",
)

# iPhone: "image omitted"; a document's name stands before it
OMITTED: Final = {
    word: kind
    for kind, words in (
        (MediaKind.IMAGE, _IMAGE),
        (MediaKind.VIDEO, _VIDEO),
        (MediaKind.AUDIO, _AUDIO),
        (MediaKind.STICKER, _STICKER),
        (MediaKind.DOCUMENT, _DOCUMENT),
    )
    for word in words
}
DOCUMENT_OMITTED: Final = tuple(sorted(_DOCUMENT))

CONTACT_OMITTED: Final = _words(
    "Contact card omitted|Kontaktkarte ausgelassen|Kontaktkarte weggelassen|Contact omitted",
    "Fiche contact manquante|Scheda contatto omessa|Tarjeta de contacto omitida",
    "Contacto não revelado|Cartão do contato omitido|Visitekaartje weggelaten",
    "Kontaktkort uteslutet|Kontaktkort sløyfet|Kontaktkort udeladt",
    "Yhteystietokortti jätettiin pois|Pominięta wizytówka kontaktu|Vizitka vynechána",
    "Karta kontaktu vynechaná|Posjetnica izostavljena|Névjegykártya kihagyva",
    "Carte de vizită contact omisă|Targeta de contacte omesa|Карточка контакта отсутствует",
    "Картка контакту відсутня|Η κάρτα επαφής παραλήφθηκε|Kişi kartı dahil edilmedi",
    "Kartu kontak tidak disertakan|Kad kenalan tidak dimasukkan|Bỏ qua thẻ liên lạc",
    "บัตรรายชื่อที่ละเว้น|لم يتم إدراج بطاقة جهة اتصال|כרטיס איש קשר הושמט|برگ مخاطب حذف شد",
    "رابطہ کارڈ نظر انداز|聯絡人卡片已略去|聯絡人卡片已省略|联系人卡片已忽略",
    "連絡先カードを省略|연락처 카드 생략됨|कॉन्टैक्ट कार्ड छोड़ा गया|संपर्क कार्ड वगळले",
    "સંપર્કનું કાર્ડ પડતું મૂકાયું|পরিচিতির কার্ড বাদ দেওয়া হয়েছে|Cárta teagmhála ar lár",
)

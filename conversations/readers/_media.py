"""What kind of media a name or a claimed type speaks of; bytes decide before anything is shown."""

from typing import Final

from conversations.events import MediaKind

_ENDINGS: Final = {
    MediaKind.IMAGE: "jpg jpeg png gif webp heic heif bmp tif tiff svg apng avif",
    MediaKind.VIDEO: "mp4 mov 3gp mkv webm avi mpeg m4v qt",
    MediaKind.AUDIO: "mp3 m4a aac ogg oga opus wav flac amr silk",
}
_BY_ENDING: Final = {end: kind for kind, ends in _ENDINGS.items() for end in ends.split()}
_BY_TYPE: Final = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "audio": MediaKind.AUDIO,
}


def kind_of(name: str, media_type: str = "") -> MediaKind:
    """By the type where one is claimed, else by the name's ending."""
    claimed = _BY_TYPE.get(media_type.partition("/")[0].lower())
    return claimed or _BY_ENDING.get(name.rpartition(".")[2].lower(), MediaKind.DOCUMENT)

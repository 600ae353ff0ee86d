// Which items a backup consists of: chosen files become entries, in the order of their names. What
// cannot become an item is a problem with a reason, as in phone/sources.py; nothing is read here.

import { endingOf } from "./cutting.js";
import { utf8 } from "./wire/bytes.js";
import { CHUNK_BYTES_MAX, ITEM_CHUNKS_MAX, ITEM_NAME_BYTES_MAX } from "./wire/limits.js";
import { checkItemName, compareNames } from "./wire/manifest.js";

const ITEM_BYTES_MAX = CHUNK_BYTES_MAX * ITEM_CHUNKS_MAX;
const UNKNOWN_TYPE = "application/octet-stream";
// As phone/chunking.py names them, so that both phones write the same manifest pages.
const TYPES = new Map(
  Object.entries({
    "application/gzip": "gz",
    "application/json": "json",
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.ms-excel": "xls",
    "application/x-7z-compressed": "7z",
    "application/x-ndjson": "jsonl ndjson",
    "application/x-tar": "tar",
    "application/x-tex": "tex",
    "application/zip": "zip",
    "audio/3gpp": "3gp",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/opus": "opus",
    "audio/x-wav": "wav",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/jpeg": "jpg jpeg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tiff tif",
    "image/webp": "webp",
    "message/rfc822": "eml",
    "text/csv": "csv",
    "text/html": "html htm",
    "text/markdown": "md",
    "text/plain": "txt srt",
    "text/tab-separated-values": "tsv",
    "text/vtt": "vtt",
    "text/x-vcard": "vcf",
    "text/xml": "xml",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
  }).flatMap(([type, endings]) => endings.split(" ").map((ending) => [ending, type])),
);

/** The media type that a name's ending stands for. */
export function mediaType(name) {
  return TYPES.get(endingOf(name)) ?? UNKNOWN_TYPE;
}

/**
 * Entries {name, file} sorted by name, and problems {path, reason}. Files of the same name, chosen
 * from different folders, are told apart by a number.
 */
export function scan(files) {
  const entries = [];
  const problems = [];
  const taken = new Map(); // name -> the number that the next one of this name gets
  for (const file of files) {
    const path = file.webkitRelativePath || file.name;
    const reason = objection(file, path);
    if (reason) problems.push({ path, reason });
    else entries.push({ name: untaken(path, taken), file });
  }
  entries.sort((one, other) => compareNames(one.name, other.name));
  return { entries, problems };
}

function objection(file, path) {
  if (file.size > ITEM_BYTES_MAX) return "too_large";
  try {
    checkItemName(path);
  } catch {
    return "unnameable";
  }
  return "";
}

function untaken(path, taken) {
  let name = path;
  for (let number = taken.get(path) ?? 1; taken.has(name); number += 1) {
    name = numbered(path, number + 1);
    taken.set(path, number + 1);
  }
  taken.set(name, 1);
  return name;
}

function numbered(path, number) {
  const ending = endingOf(path);
  const dot = ending ? path.length - ending.length - 1 : path.length;
  const name = `${path.slice(0, dot)} (${number})${path.slice(dot)}`;
  return utf8(name).length <= ITEM_NAME_BYTES_MAX ? name : `${number}${path.slice(dot)}`;
}

// Every length, count and time of protocol version 1, once. Units are in the names. The same values
// as wire/limits.py, which a test compares with this file.

export const KIB = 1024;
export const MIB = 1024 * KIB;

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "backupstation.v1";
export const LISTEN_PATH = "/listen/v1/";

// Invitation ("connection authentication information")
export const INVITATION_SECONDS = 120;
export const INVITATION_ROTATION_SECONDS = 60;
export const FOLLOW_UP_SECONDS = 15 * 60;
export const FOLLOW_UP_RENEWAL_SECONDS = 5 * 60;
export const SESSION_ID_BYTES = 16;
export const STATION_ID_BYTES = 16;
export const SECRET_BYTES = 16;
export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const INVITATION_ADDRESSES_MAX = 8;
export const IM_ORIGIN_BYTES_MAX = 255;
export const INVITATION_BYTES_MAX = 768;

// Tokens
export const TOKEN_BYTES_MAX = 4 * KIB;
export const TICKET_SECONDS = 120;
export const INDICATION_SECONDS = 120;
export const CLOCK_SKEW_SECONDS = 60;
export const ISSUER_KEYS_MAX = 4;

// Listening port
export const HANDSHAKE_SECONDS = 10;
export const IDLE_SECONDS = 60;
export const PING_SECONDS = 20;
export const APPROVAL_SECONDS = 10 * 60;
export const FAILED_HANDSHAKES_PER_MINUTE = 5;
export const CONNECTIONS_PER_ADDRESS_MAX = 8;

// Secure channel
export const NOISE_MESSAGE_BYTES_MAX = 65_535;
export const NOISE_TAG_BYTES = 16;
export const NOISE_LENGTH_BYTES = 2;
export const NOISE_PLAINTEXT_BYTES_MAX = NOISE_MESSAGE_BYTES_MAX - NOISE_TAG_BYTES;
export const WEBSOCKET_MESSAGE_BYTES_MAX = MIB - KIB;
export const FRAME_HEADER_BYTES = 5;
export const DATA_REF_BYTES = 4;
export const CONTROL_BYTES_MAX = 512 * KIB;

// Before OPEN nothing legitimate is larger than this.
export const VERIFICATION_MESSAGE_BYTES_MAX = 16 * KIB;

// Chunks
export const DIGEST_BYTES = 32;
export const CHUNK_BYTES_MAX = 960 * KIB;
export const HAVE_DIGESTS_MAX = 4096;
export const OUTSTANDING_DIGESTS_MAX = 4 * HAVE_DIGESTS_MAX;
export const WINDOW_BYTES_MIN = 4 * MIB;
export const WINDOW_BYTES = 8 * MIB;
export const WINDOW_BYTES_MAX = 16 * MIB;

// Manifests
export const SNAPSHOT_ID_BYTES = 16;
export const SNAPSHOT_ID_CHARS = 26;
export const PAGE_BYTES_MAX = CHUNK_BYTES_MAX;
export const PAGES_MAX = 4096;
export const HEADER_BYTES_MAX = 360 * KIB;
export const ITEM_NAME_BYTES_MAX = 1024;
export const ITEM_CHUNKS_MAX = 18_000;
export const ITEMS_MAX = 10_000_000;
export const LABEL_CHARS_MAX = 200;
export const SOURCE_CHARS_MAX = 200;
export const NAME_CHARS_MAX = 100;
export const SNAPSHOTS_PER_PAGE = 50;
export const WANTS_MAX = 4096;
export const SELECTION_NAMES_MAX = 2000;

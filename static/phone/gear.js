// The gear table of FastCDC 2020 (as in fastcdc-rs): entry i is the first 8 bytes, big-endian, of
// the MD5 of 64 bytes of value i. Held as two tables of 32 bits: JavaScript has no fast 64.

const TABLE =
  "O108fSB+N9x4TWi6kRIwhs1SiA+ILnKY6s+OThn9zKfDHzhd+9FjKx1fJwAeJavmgxML3jya2ZHEsiVnbpt2SaoymyngjrSZ" +
  "tn/L0h5XfVgAJ7qq2irPa+PvLVrHPCImCJDyTW7TEreoCeA2hR18fvCm/l4AE9gbHQJjBEUs7BQDhkYyZI4kj82qzz3Nkrm0" +
  "9eAS5jwYeFaIYvnTghwAtqgvczh1D2+KHlg9xsHLC296MUW2l0On8auyD+5ASAfrsUs8/ge4Ol253CeJituaDzcD9ekbqmK+" +
  "zwu4ZoFffZg9mGfEHqnc0xvh+mVEK/IsFDANpMVWMdnmmOnLxlRcmUdjEH7GTpKlxlgh/GVpaiR2GWwGSCLwt0hb6EHzUl4B" +
  "9lK8nIWXT/XK2DUvrOnj6Spu0dzrNemOxvSDutwRaA88/YwX6c8S8Ym4PF4upWRxrmZc/STjkqnsM8TlBMuJFT+5sV/J/nRR" +
  "1/0f0ZRfIZUxreCFNEPv2CVe/Jhj4eLSEOq2AI1WQs9G8EhjJXrIBKUtxCp4mifT2qrfnOd69WVrR5zVPYf+u2MJ4tP5Pbcv" +
  "xXOP+6of+dZr1X8/Ja95aGdgVIbZDQpK4U0LlmO/va63u9jYFusEFN74pPFrNaEW55Mthaqv/tYIFhy66Qz9SIVVB76ylPCL" +
  "kSNOpv/TmbKtcM9LJDXzAtKJqXVlvC0njlWEN//Kmd6W0nBLcRXAQAiJu838Zg5BXg1OZ9ySEo1yqfiRcGPtl0OLadQJ4Bbj" +
  "30/til2KQ5cA9B3PQdQD90gU6wOOUmA/na+6zFji1lH+L0WOS+Fwr0RX7EFN9qlABuYvFFESMxS9EBTRc7qSzN7zGOJe1Xdg" +
  "n+oN6d/KhSVFneHnbCBiS67sGJYX4tZmEmosBqtag8uxMhUyNg9hMmVCFQPbtAEjLWfCh+oImrNsk7/1pWvWtk/7IDbKttmN" +
  "znt4WxvnrU/ttC72GJ/RY9yQUohwOYj2Nl+cHSxpGITGQFg2gNmb/jzUYkwHWT7Gfx6o2F18WAUBSELUgLVxSQtkm8tagoaI" +
  "vNVwjtebGPDph8hi+9Ly8JgnMWcfDNgsuvE+ixbYwGOOoxCcvZUbutFBBFv7OFytKsvBoK8ffTDmRE2J3wO/36GMx3G4GI/5" +
  "mDRCnbAcObshSt0H/ghqH48HwZsfaz/5VqKXsb9P/lWU1Vjkk8VPx0C/wkx2RVLLkxpwb4qFIMsyIp0yKTW9UiVg0PXcT++v" +
  "nbzEg1WWm7YP2Bw5hcC1auA4F+FWDyvawbtPgdiSstWwxIZPTijS1z7MSfnZ1sJjUTB+mbUrpl6K8raI2oSnUvXXJSO5GyC2" +
  "bZX/H/RjSAZWLyFVVFgzmsDOR/iJM2NGSHgj5QibQNjkcnx+vG2VklqPcnfpSXC6/KL0BrHIu1BbH4qV8XkQcNMEr5/JAoYF" +
  "VECrf8kw50gxLSX7yiq1oRD0pLI0pNV1kDAdVQR+dHM7Y3KIbGFZHik0Ard8RE4GRR80pNPpfdcxWNgU2BvFewNJQkJbm9pp" +
  "4gMv+eUy2btirgZriyF55ZVF4QwvjXHYf/dIPrLSP8AAlF/OvcmNhodku76ZsmyiGx7GIoTAv8NY4PzE8Ko2K19KvvqHjUWN" +
  "/XSsL5YHxRmk4/s334y/qb9pfkPKxXTlhvFKP2j0zVMkoj0HbxzlIuclzYBIhozIvzxynrJGQ2LY9s1Xs8we2GMp5SQlVBV3" +
  "YqpoitWuGsAKJCVmJpv4RRaLGkdTrKdL94mv7/8ufjxsM2IJO2/M20zo9QvSjAmyAGotuVroqpOXWw1iPD0ajBhgXTk1M4xb" +
  "W7b2E2ytPHEPU6IHAfjYpquMWtLn6TxnQLWsUSesqimMe/Y8IHWJX3i9n34BSoBcssnp9PnIwDLv1gSYJ+uR8yvkWfSCwW+9" +
  "2SzgxXRaqowKqo+ymNlluSs3+SxsgDsVjFSl6U4PDniV+bbpDAowMueTn6pDbHh00Wv+j2qKQMlEmCuGJj/S+uKF+zn5hOWD" +
  "d5qN9y12GdPy15qN6NXdHtEDc1TWZoTiAEyCpOZoqOUx1Ap2aLBE5tcFeFOL0CwR20VDEHjF9IKXcSG7f2pRrXPVzL007/jd" +
  "5DegfTVuF81HsnggQ8lWJ5+yUUE+QdSazNcLYGUlE9MclbMeihtJssrnPf0by0wbNNmDMbH1tw94TjnyIzjZLxhhPUoGTfQg" +
  "8dja4l8Lzr4z93wVroVe/DyIs7kS6xCclWouyWuv7qUaoAW14K0Oh1UA1wUnxLuO42xXGWQhzEQTxNKGzDbuOVZUoj2BiyqB" +
  "d7HcE9Fhq9xzT0TeX41etWBxfhdKbImi1H2WSSZqIR5bE6QyK7aekPdmlgn4tfw8IeasVb7c2smbVrYrYRZt6vSPZrk5eX6c" +
  "NfMy+cDmrprMcz9qmoeNsD2hYeQcwQjCt9dK5TWRTVFNSTsLEdNkac4mTR37qXQaqdHy3HQ23AZwc4AWYEwqJyMdNuluk/PV" +
  "dmaIEZeDjRlKKoMJCqrUDPHnYVkWaLNdc2MjZJf3MKcwEIDjc3ndTVAt6ilxgnBCwsXrhY8yYl94avue36+9/9ruDYaEkLKk" +
  "YXNmsyaGCfauDjWg/kYXPtGgfek+gk8RB5uLEV6kzKiTqZJ0VY+uu/sebiLgigOz6mNf26NpjdDPU2WTKFA6XM3jsx5v1deA" +
  "jj5CIdNhRBPvFNDYa/GiLOHYMNPxbF3bqr0rKkUVBOE=";

const raw = atob(TABLE);
const high = new Int32Array(256);
const low = new Int32Array(256);
for (let value = 0; value < 256; value += 1) {
  for (let at = 0; at < 4; at += 1) {
    high[value] = (high[value] << 8) | raw.charCodeAt(8 * value + at);
    low[value] = (low[value] << 8) | raw.charCodeAt(8 * value + 4 + at);
  }
}

export const GEAR_HIGH = high;
export const GEAR_LOW = low;

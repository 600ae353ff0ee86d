// What this browser calls itself, until the person gives it a name.

import { say } from "./words.js";

const BROWSERS = [
  [/MicroMessenger\//, "WeChat"],
  [/Edg(A|iOS)?\//, "Edge"],
  [/OPR\/|Opera/, "Opera"],
  [/SamsungBrowser\//, "Samsung Internet"],
  [/Firefox\/|FxiOS\//, "Firefox"],
  [/Chrome\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS = [
  [/Android/, "Android"],
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/HarmonyOS|OpenHarmony/, "HarmonyOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "Mac"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

/** "Chrome on Android". */
export function deviceName(userAgent = navigator.userAgent) {
  const found = (list) => list.find(([pattern]) => pattern.test(userAgent))?.[1] ?? "?";
  return say("device", { browser: found(BROWSERS), system: found(SYSTEMS) });
}

// What this browser is called: a name of its own making, until the person gives it one.

import { say } from "./words.js";

const NAME_KEY = "phone-name";

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
function deviceName(userAgent = navigator.userAgent) {
  const found = (list) => list.find(([pattern]) => pattern.test(userAgent))?.[1] ?? "?";
  return say("device", { browser: found(BROWSERS), system: found(SYSTEMS) });
}

/** The name that the person gave, or one of the browser's own making. */
export function phoneName() {
  try {
    return localStorage.getItem(NAME_KEY) || deviceName();
  } catch {
    return deviceName(); // a browser that keeps nothing
  }
}

/** Keep the name for the next time. */
export function keepName(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // asked again the next time
  }
}

"""Common words, the commonest first, for made-up chats."""

from typing import Final

ENGLISH: Final = [
    "the", "to", "you", "i", "and", "a", "it", "is", "in", "that", "of", "for", "on", "we",
    "have", "me", "be", "my", "are", "not", "at", "this", "but", "so", "do", "just", "with",
    "was", "can", "what", "will", "up", "if", "get", "ok", "yes", "there", "like", "know",
    "out", "all", "now", "see", "how", "no", "one", "good", "when", "home", "time", "tomorrow",
    "going", "today", "think", "dinner", "station", "house", "please", "thanks", "maybe",
    "really",
]  # fmt: skip
CHINESE: Final = [
    "的", "我", "你", "了", "是", "不", "在", "好", "吗", "我们", "就", "都", "去", "有", "吧",
    "这", "那", "要", "说", "也", "没有", "什么", "可以", "今天", "明天", "知道", "吃饭",
    "时候", "现在", "觉得", "一起", "回家", "晚上", "早上", "公园", "朋友", "上海", "北京",
    "谢谢", "不是", "怎么", "这个", "那个", "还是", "已经", "因为", "所以",
]  # fmt: skip

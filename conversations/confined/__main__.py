"""The process with limits; :class:`conversations.confined.process.Process` starts it."""

from conversations.confined.child import main

main()

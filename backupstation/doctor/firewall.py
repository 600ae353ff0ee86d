"""How to let phones in, in the words of the firewall that this computer has."""

import sys
from pathlib import Path
from typing import Final

from django.utils.translation import gettext_lazy as _

from backupstation.doctor.findings import Text

# Everybody may read that they are on; what they let in is for root to read.
UFW: Final = Path("/etc/ufw/ufw.conf")
FIREWALLD: Final = Path("/run/firewalld")


def how_to_let_in() -> Text:
    """A template with ``port``."""
    if _is_ufw_on():
        return _("The firewall ufw is on. Let phones in with: sudo ufw allow %(port)s/tcp")
    if FIREWALLD.exists():
        return _(
            "The firewall firewalld is on. Let phones in with: sudo firewall-cmd --permanent"
            " --add-port=%(port)s/tcp, then sudo firewall-cmd --reload"
        )
    if sys.platform == "darwin":
        return _(
            "In System Settings, Network, Firewall, let Python accept incoming connections; use no"
            " guest Wi-Fi."
        )
    return _(
        "Let TCP port %(port)s through this computer's firewall, use no guest Wi-Fi, and scan"
        " again."
    )


def _is_ufw_on() -> bool:
    try:
        lines = UFW.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip().lower() == "enabled=yes" for line in lines)

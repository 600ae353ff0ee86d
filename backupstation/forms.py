"""Sign-in, the owner form of the first run, and the password that opens the recovery sheet."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model, password_validation
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from backupstation import attempts

TOO_MANY = _("Too many attempts. Wait ten minutes, then try again.")


def _password(label: Any, autocomplete: str) -> forms.CharField:  # noqa: ANN401 - a lazy text
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, widget=widget)


class SignInForm(AuthenticationForm):
    """Name and password; throttled."""

    def clean(self) -> dict[str, Any]:
        """Count the attempt before the password is looked at."""
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        name = str(self.cleaned_data.get("username", ""))
        if not attempts.begin(address, name):
            raise ValidationError(TOO_MANY, code="too_many")
        cleaned = super().clean()
        attempts.succeeded(address, name)
        return cleaned


class OwnerForm(forms.Form):
    """The first run's form: who owns this station."""

    code = forms.CharField(widget=forms.HiddenInput)
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    password = _password(_("Password"), "new-password")
    again = _password(_("Password, again"), "new-password")

    def __init__(
        self, data: QueryDict | None, *, found: list[tuple[str, str]], initial: dict[str, str]
    ) -> None:
        """``found``: vaults without an owner, each with what is in it, in words."""
        super().__init__(data, initial=initial)
        if not found:
            return
        # Of several, whose is whose must be said; a single one is most likely this person's.
        self.fields["vault"] = forms.ChoiceField(
            label=_("Backups that came back with the store"),
            choices=[*found, ("", _("None of these is mine"))],
            initial=found[0][0] if len(found) == 1 else "",
            required=False,
        )

    def clean(self) -> dict[str, Any]:
        """Both passwords are the same, and good enough."""
        cleaned = super().clean() or {}
        password, again = cleaned.get("password", ""), cleaned.get("again", "")
        if password and again and password != again:
            self.add_error("again", _("The two passwords are not the same."))
        elif password:
            try:
                user = get_user_model()(username=cleaned.get("username", ""))
                password_validation.validate_password(password, user)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned


class PasswordForm(forms.Form):
    """The owner's password once more; throttled as sign-in is."""

    password = _password(_("Password"), "current-password")

    def __init__(self, data: QueryDict | None, *, user: AbstractBaseUser, address: str) -> None:
        super().__init__(data)
        self._user, self._address = user, address

    def clean_password(self) -> str:
        """Compare with the signed-in user's."""
        password = str(self.cleaned_data["password"])
        if not attempts.begin(self._address, self._user.get_username()):
            raise ValidationError(TOO_MANY, code="too_many")
        if not self._user.check_password(password):
            raise ValidationError(_("This is not your password."), code="wrong")
        attempts.succeeded(self._address, self._user.get_username())
        return password

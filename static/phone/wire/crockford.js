// Crockford's base32, in which snapshot ids and one-time codes are written for people.

export const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** What a person may have typed, in upper case, as it is meant: O is 0, I and L are 1. */
export function readAsDigits(upperCase) {
  return upperCase.replace(/O/g, "0").replace(/[IL]/g, "1");
}

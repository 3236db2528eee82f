/** What an event's type is made of, as a regular expression. Without a backslash: a setting decides what it means in a text. */
export const typePattern = '^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$'

/** A schema version in the header `version`: a whole number from 1 on. */
export const versionPattern = '^[1-9][0-9]{0,14}$'

/** How JSON begins an escaped UTF-16 unit. */
export const escapedUnit = "chr(92) || 'u'"

/** What an event's type is made of, as a regular expression. */
export const typePattern = '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$'

/** A schema version in the header `version`: a whole number from 1 on. */
export const versionPattern = '^[1-9][0-9]{0,14}$'

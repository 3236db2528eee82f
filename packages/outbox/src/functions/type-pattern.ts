/** What an event's type is made of, as a regular expression. */
export const typePattern = '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$'

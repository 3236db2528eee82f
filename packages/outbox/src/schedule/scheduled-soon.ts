/** The payload of the NOTIFY of who schedules an event that is due within `soonMs`. */
export const scheduledSoon = 'scheduled soon'

/** A relay looks every second, and then waits for what is due next: it needs no notification of what is due later than this. */
export const soonMs = 2_000

/** SQL of a moment as ISO 8601 text in UTC, with microseconds. No setting of the session and no parser of a driver changes it. */
export function isoTime(moment: string): string {
  return `to_char(${moment} at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
}

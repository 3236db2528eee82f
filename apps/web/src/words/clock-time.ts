const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const dayAndTime = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})

/** When something was, in the reader's time zone: `14:05`, and the day too if it was not today. */
export function clockTime(date: Date, now = new Date()): string {
  return (date.toDateString() === now.toDateString() ? time : dayAndTime).format(date)
}

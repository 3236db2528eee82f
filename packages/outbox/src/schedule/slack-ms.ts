/** So far back a look begins that continues no other: a transaction may commit what is due a little later than another one. */
export const slackMs = 500

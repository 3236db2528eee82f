/** How often a relay looks for scheduled events that are due, at least. */
export const lookEveryMs = 1_000

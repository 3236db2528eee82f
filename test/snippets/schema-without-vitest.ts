import type { BreaksOldEvents } from 'commitcast'
import type { eventsOfV1 } from './schema-v1.ts'
import type { events } from './schema-v2.ts'

/** Does not compile where a type breaks, and the message names it. */
export const broken: Record<BreaksOldEvents<typeof eventsOfV1, typeof events>, never> = {}

import { defineEvents } from 'commitcast'
import { z } from 'zod'

// #region all
interface JoinedV1 {
  readonly name: string
  readonly joinedOn: Date
}

export const events = defineEvents({
  'customer.joined': {
    data: z.object({ firstName: z.string(), lastName: z.string(), joinedOn: z.date() }),
    version: 2,
    upcast: { 1: splitName },
  },
  'customer.left': { data: z.object({ reason: z.string() }) },
})

function splitName({ name, joinedOn }: JoinedV1) {
  const [firstName = '', ...rest] = name.split(' ')
  return { firstName, lastName: rest.join(' '), joinedOn }
}
// #endregion all

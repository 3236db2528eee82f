import { defineEvents } from 'commitcast'
import { z } from 'zod'

const joined = z.object({ firstName: z.string(), lastName: z.string(), joinedOn: z.iso.date() })

type JoinedV1 = { name: string; joinedOn: Date }
type JoinedV2 = { firstName: string; lastName: string; joinedOn: Date }

// #region events
export const events = defineEvents({
  'customer.joined': {
    data: joined,
    version: 3,
    upcast: {
      1: splitName,
      2: (data: JoinedV2) => ({ ...data, joinedOn: data.joinedOn.toISOString().slice(0, 10) }),
    },
  },
  'customer.left': { data: z.object({ reason: z.string() }) },
})
// #endregion events

function splitName({ name, joinedOn }: JoinedV1): JoinedV2 {
  const [firstName = '', ...rest] = name.split(' ')
  return { firstName, lastName: rest.join(' '), joinedOn }
}

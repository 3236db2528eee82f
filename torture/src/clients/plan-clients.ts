import type { Random } from '../random.ts'
import { poisonKey } from '../read-side/read-side-story.ts'
import { hotKeys } from '../writer/story.ts'
import type { ClientPlan } from './live-client.ts'

const ways = ['ws', 'sse'] as const
const kinds = ['follow', 'query'] as const
const tempers = ['fast', 'slow', 'dropping'] as const

/** One client of each way, kind and temper. */
export function planClients(random: Random): readonly ClientPlan[] {
  return ways.flatMap((way) =>
    kinds.flatMap((kind) =>
      tempers.map((temper) => ({
        name: `${way} ${kind} ${temper}`,
        ...{ way, kind, temper },
        channels: kind === 'follow' && isMostTaken({ way, temper }) ? most : someKeys(random),
      })),
    ),
  )
}

const hot = Array.from({ length: hotKeys }, (_, index) => `hot-${index + 1}`)
/** More than half of all events. Those on several of these channels come once all the same. */
const most = [
  'every fifth',
  ...channelsOf([poisonKey]),
  ...channelsOf(hot),
  ...channelsOf(hot.map((key) => `again-${key}`)),
]

/** A slow client's buffers fill. An event over SSE is serialised for each client, which one machine has to carry. */
function isMostTaken({ way, temper }: Pick<ClientPlan, 'way' | 'temper'>): boolean {
  return temper === 'fast' || (temper === 'slow' && way === 'ws')
}

/** A busy one, what a projection appends because of it, and some quiet ones. */
function someKeys(random: Random): readonly string[] {
  const busy = random.pick(hot)
  const quiet = Array.from({ length: 3 }, () => `w${random.int(0, 2)}c${random.int(0, 6)}-${random.int(1, 40)}`)
  return channelsOf([busy, `again-${busy}`, ...new Set(quiet)])
}

function channelsOf(keys: readonly string[]): readonly string[] {
  return keys.map((key) => `key:${key}`)
}

import { expect, test } from 'vitest'
import { firstWay, type Way } from './first-way.ts'
import { type Server, serverOf } from './server.ts'
import { ServerUnavailable } from './server-unavailable.ts'

const nothing = async (): Promise<void> => {}
const verbs = { stop: nothing, halt: nothing, kill: nothing, restart: nothing, pause: nothing, resume: nothing }

function open(name: string, kind: Way['kind'] = 'local'): Way {
  return {
    name,
    kind,
    whenBroken: '',
    start: async (): Promise<Server> => serverOf({ url: 'x://', origin: name }, verbs),
  }
}

function closed(name: string, kind: Way['kind'] = 'local'): Way {
  return { name, kind, whenBroken: '', start: async () => ({ because: `${name} is closed`, remedy: `Open ${name}` }) }
}

function broken(name: string): Way {
  return { name, kind: 'local', whenBroken: `Fix ${name}`, start: () => Promise.reject(new Error(`${name} burst.`)) }
}

const choose = (ways: Way[], forced?: 'container' | 'local') =>
  firstWay({ server: 'NATS', address: 'TEST_NATS_URL', ways }, { TEST_SERVERS: forced })

test('the first open way is taken, past closed and broken ones', async () => {
  const { origin } = await choose([closed('a'), broken('b'), open('c'), open('d')])
  expect(origin).toBe('c')
})

test('where no way is open, the error says of each why and how to remedy it', async () => {
  const refusal = choose([closed('a', 'container'), broken('b')])
  await expect(refusal).rejects.toBeInstanceOf(ServerUnavailable)
  await expect(refusal).rejects.toThrow(
    [
      'No NATS server can be had here.',
      '- a: a is closed. Open a.',
      '- b: b burst. Fix b.',
      '- or give the address of one in TEST_NATS_URL.',
    ].join('\n'),
  )
})

test('a forced way leaves the others untried', async () => {
  const { origin } = await choose([open('a', 'container'), open('b', 'local')], 'local')
  expect(origin).toBe('b')
})

test('a forced way that is not there fails with an error that does not pass for a reason to skip tests', async () => {
  const refusal = choose([closed('a', 'container'), open('b')], 'container')
  await expect(refusal).rejects.not.toBeInstanceOf(ServerUnavailable)
  await expect(refusal).rejects.toThrow(/^TEST_SERVERS=container gives no NATS server.\n- a: a is closed. Open a.\n/)
})

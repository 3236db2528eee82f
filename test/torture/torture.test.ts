import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, inject, onTestFailed, test } from 'vitest'

const main = fileURLToPath(new URL('../../torture/src/main.ts', import.meta.url))
/** A run ends by itself before, and says where its logs are. */
const testMs = 280_000

/** A short torture; see torture/README.md. Its last line is what it found; where it fails, all that it says is shown. */
async function torture(...options: string[]) {
  const broker = inject('natsUrl') ? 'nats' : 'postgres'
  const args = [main, '--broker', broker, '--json', ...options]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args)
  onTestFailed(() => {
    process.stderr.write(`${stderr}${stdout}`)
  })
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}

test(
  'killed, frozen and cut-off workers, brokers and databases lose, double and disorder nothing',
  async () => {
    const found = await torture('--seconds', '10', '--seed', '1', '--with', 'stream')
    expect(found).toMatchObject({ lost: 0, phantom: 0, duplicated: 0, outOfOrder: 0, gaps: 0 })
    expect(found).toMatchObject({
      live: { lost: 0, duplicated: 0, outOfOrder: 0 },
      projectionDrift: 0,
      handlerMissed: 0,
    })
    expect(found.faults).toMatchObject({ streamKilled: 1, projectKilled: 1 })
    expect(found.stored).toBe(found.committed)
  },
  testMs,
)

test(
  'clients over WebSocket and SSE get each event once, though API processes are killed, frozen and drained',
  async () => {
    const found = await torture('--seconds', '10', '--seed', '1', '--with', 'stream,live')
    expect(found.clients).toMatchObject({ clients: 48, lost: 0, duplicated: 0, outOfOrder: 0, resyncs: 0, silent: 0 })
    expect(found.clients.reconnects).toBeGreaterThan(48)
    expect(found.faults).toMatchObject({ apiKilled: 1, apiDrained: 1 })
    expect(found.stored).toBe(found.committed)
  },
  testMs,
)

test(
  'purchases come to one end each, and conserve stock and money, though all that carries them out is killed and frozen',
  async () => {
    const found = await torture('--seconds', '10', '--seed', '1', '--with', 'processes')
    expect(found.processes).toMatchObject({ lost: 0, twice: 0, stuck: 0, firedAfterCancel: 0, conserved: true })
    for (const happened of ['completed', 'cancelled', 'timedOut', 'restarted', 'held', 'stale'])
      expect(found.processes[happened], happened).toBeGreaterThan(0)
    expect(found.faults).toMatchObject({ purchaseKilled: 1, purchasePaused: 1 })
    expect(found.stored).toBe(found.committed)
  },
  testMs,
)

test(
  'the torture finds the damage that a relay with a position cursor does',
  async () => {
    const found = await torture('--seconds', '10', '--seed', '1', '--sabotage', 'position-cursor')
    expect(found).toMatchObject({ sabotage: 'position-cursor', damaged: true })
  },
  testMs,
)

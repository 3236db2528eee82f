import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createCommitcast, defineEvents } from 'commitcast'
import { afterEach, expect, test, vi } from 'vitest'
import { runCommitcast } from './run-commitcast.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

afterEach(() => void vi.unstubAllGlobals())

function makeOn(version: string) {
  vi.stubGlobal('process', { ...process, versions: { ...process.versions, node: version } })
  return createCommitcast({ app: 'shop', events: defineEvents({}), connectionString: 'postgres://127.0.0.1/shop' })
}

test.each(['20.20.2', '22.11.0', '18.0.0'])(
  'on Node %s no cast is made, and the error says what is needed',
  (version) => {
    const make = () => makeOn(version)
    expect(make).toThrow(`Commitcast needs Node 22.12 or later; this is v${version}.`)
    expect(make).toThrow(expect.objectContaining({ name: 'CastMisused', code: 'NODE_TOO_OLD' }))
  },
)

test.each(['22.12.0', '23.0.0', '24.1.0', '100.0.0'])('on Node %s one is', (version) => {
  expect(() => makeOn(version)).not.toThrow()
})

test('the command line says so before it loads anything that an older Node may lack', async () => {
  const older = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })"
  const options = `--import=data:text/javascript,${encodeURIComponent(older)}`
  expect(await runCommitcast(['status'], { NODE_OPTIONS: options })).toEqual({
    code: 2,
    stdout: '',
    stderr: 'Commitcast needs Node 22.12 or later; this is v20.20.2.\n',
  })
})

test('each package that is published says the same to npm', () => {
  const manifests = globSync('packages/*/package.json', { cwd: root }).map((path) =>
    JSON.parse(readFileSync(`${root}/${path}`, 'utf8')),
  )
  const open = manifests.filter((manifest) => !manifest.private)
  expect(open.length).toBeGreaterThan(5)
  for (const { name, engines } of open) expect(engines, name).toEqual({ node: '>=22.12' })
})

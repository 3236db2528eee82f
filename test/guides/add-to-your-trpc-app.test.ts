import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDatabase, freePort } from '@commitcast/servers'
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'
import superjson from 'superjson'
import { expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { openBrowser } from '../fixtures/open-browser.ts'
import type { Router } from '../snippets/trpc-app/router.ts'
import { packPackages } from './pack-packages.ts'
import { startRegistry } from './package-registry.ts'
import { readGuide, type Step } from './read-guide.ts'
import { openTerminals } from './terminals.ts'

const guide = fileURLToPath(new URL('../../docs/guides/add-to-your-trpc-app.md', import.meta.url))
const typeMistakes = fileURLToPath(new URL('../snippets/trpc-app/type-mistakes.ts', import.meta.url))

test('whoever does what the guide says, in an empty folder and with packed packages, has a live app', async () => {
  await using database = await createDatabase(inject('postgresUrl'))
  const folder = mkdtempSync(join(tmpdir(), 'commitcast-guide-'))
  const project = join(folder, 'project')
  mkdirSync(project)
  try {
    const tarballs = await packPackages(folder)
    await using registry = await startRegistry([...tarballs.values()], registryOf(project))
    const port = await freePort()
    await using terminals = openTerminals(project, {
      DATABASE_URL: database.url,
      PORT: String(port),
      npm_config_registry: registry.url,
      npm_config_prefer_offline: 'true',
    })
    for (const step of readGuide(guide)) await take(step, { project, terminals, port })

    const told = terminals.lines.filter((line) => /was (ordered|delivered)/.test(line))
    expect(told.map((line) => line.replace(/ at .*/, ''))).toEqual([
      'Persuasion was ordered',
      'Emma was delivered',
      'Persuasion was delivered',
    ])
    await expectAllExports(project, [...tarballs.keys()])
    copyFileSync(typeMistakes, join(project, 'src/type-mistakes.ts'))
    await terminals.run('npx tsc')
    await expectStockClientSees(port)
    await expectPagesSeeEachOther(terminals.lines)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 600_000)

interface Reader {
  readonly project: string
  readonly terminals: ReturnType<typeof openTerminals>
  readonly port: number
}

/** Does it word for word, but for the ports, which must be free here. */
async function take(step: Step, { project, terminals, port }: Reader): Promise<void> {
  if (step.kind === 'write') {
    mkdirSync(dirname(join(project, step.path)), { recursive: true })
    writeFileSync(join(project, step.path), step.text)
  } else if (step.kind === 'see') {
    await terminals.see(step.lines.map((line) => line.replace('port 3000', `port ${port}`).replace(':5173', ':…')))
  } else if (step.own) {
    await terminals.keepRunning(step.command, step)
  } else {
    await terminals.run(step.command)
  }
}

/** Where this machine's npm gets packages. */
function registryOf(cwd: string): string {
  return execFileSync('npm', ['config', 'get', 'registry'], { cwd, encoding: 'utf8', stdio: 'pipe' }).trim()
}

/** Whatever a package says that it exports is in its tarball, with types. */
async function expectAllExports(project: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const home = join(project, 'node_modules', name)
    const { exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
    const files = Object.values(exports as Record<string, Record<string, string>>).flatMap((door) =>
      Object.values(door),
    )
    expect(files.length).toBeGreaterThanOrEqual(2)
    expect(files.filter((file) => !/^\.\/dist\/.*\.(js|d\.ts)$/.test(file) || !existsSync(join(home, file)))).toEqual(
      [],
    )
  }
}

/** A tRPC client without anything of ours gets the state, then an order that it places, with a date that is one. */
async function expectStockClientSees(port: number): Promise<void> {
  const socket = createWSClient({ url: `ws://localhost:${port}/trpc` })
  const trpc = createTRPCClient<Router>({ links: [wsLink({ client: socket, transformer: superjson })] })
  const told: unknown[] = []
  const subscription = trpc.live.subscribe(
    { customerId: 'bruno' },
    { onData: ({ data }) => void (data.kind !== 'checkpoint' && told.push(data)) },
  )
  await eventually(() => expect(told).toMatchObject([{ kind: 'state', state: [] }, { kind: 'live' }]))
  await trpc.place.mutate({ customerId: 'bruno', book: 'Ulysses' })
  const data = { customerId: 'bruno', book: 'Ulysses', placedAt: expect.any(Date) }
  await eventually(() =>
    expect(told.slice(2)).toMatchObject([{ kind: 'event', event: { type: 'order.placed', data } }]),
  )
  subscription.unsubscribe()
  await socket.close()
}

/** What is ordered in one window is in the other, after what was ordered before. */
async function expectPagesSeeEachOther(printed: readonly string[]): Promise<void> {
  const url = printed.flatMap((line) => /Local: +(\S+)/.exec(line)?.[1] ?? []).at(-1)!
  await using browser = await openBrowser()
  const pages = await Promise.all([1, 2].map(async () => (await browser.window()).newPage()))
  for (const page of pages) {
    await page.goto(url)
    await page.locator('[role=status]', { hasText: 'live' }).waitFor()
    expect(await page.locator('li').allTextContents()).toEqual([
      expect.stringMatching(/^Emma, .*: delivered$/),
      expect.stringMatching(/^Persuasion, .*: delivered$/),
    ])
  }
  await pages[0]!.getByRole('button').click()
  for (const page of pages) {
    await page.locator('li', { hasText: /^Middlemarch, .*: placed$/ }).waitFor()
    expect(await page.locator('li').count()).toBe(3)
  }
}

import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { packPackages } from './pack-packages.ts'
import { startRegistry } from './package-registry.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const snippets = join(root, 'test/snippets')
const require = createRequire(join(root, 'package.json'))
const tsc = join(require.resolve('typescript/package.json'), '../bin/tsc')
const { packageManager } = require('./package.json') as { readonly packageManager: string }

/** What the server of a monorepo exports: inferred types of all that a cast makes. */
const exported = `
import { initTRPC } from '@trpc/server'
import { commands, createCommitcast, cursors, defineHints, eventsEndpoint, liveStreams, trackChanges } from 'commitcast'
import { z } from 'zod'
import { cast } from './cast.ts'
import { events } from './events.ts'

export const t = initTRPC.context<{ userId: string }>().create()
export const command = t.procedure.concat(commands)
export const cursor = t.procedure.concat(cursors)
export const hints = defineHints({ typing: z.object({ who: z.string() }) })
export const own = createCommitcast({ app: 'shop', events, hints, connectionString: 'postgres://127.0.0.1/shop' })
export const enriched = own
  .live({ channels: (event) => [event.key] })
  .enrich('book', { id: (event) => event.data.book, load: async (ids) => new Map(ids.map((id) => [id, { title: id }])) })
export const sales = cast.projection('sales', async () => {})
export const mail = cast.handler('mail', { 'order.placed': async () => {} })
export const health = () => cast.health()
export const migrated = () => cast.migrate()
export const statement = cast.appendSql
export const append = cast.append
export const once = cast.once
export const streams = liveStreams()
export const endpoint = eventsEndpoint
export const changes = trackChanges
`

const files: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ name: 'shop', private: true, type: 'module' }),
  'pnpm-workspace.yaml': 'packages: [packages/*]\nhoist: false\nstrictPeerDependencies: true\n',
  'packages/api/package.json': JSON.stringify({
    name: '@shop/api',
    version: '1.0.0',
    type: 'module',
    exports: './src/router.ts',
    dependencies: {
      '@trpc/server': '^11.25.0',
      '@types/node': '24.19.2',
      '@types/pg': '8.23.1',
      '@types/ws': '8.18.2',
      commitcast: '*',
      kysely: '0.29.9',
      nats: '2.29.3',
      pg: '8.23.1',
      superjson: '2.2.6',
      zod: '4.6.7',
    },
  }),
  'packages/api/src/exported.ts': exported,
}

interface Failure {
  readonly stdout: string
  readonly stderr: string
}

/** The compiler's errors. */
async function compile(folder: string, options: object): Promise<string> {
  const compilerOptions = {
    ...{ target: 'es2023', lib: ['es2024', 'esnext', 'dom'], strict: true, skipLibCheck: false, types: ['node'] },
    ...{
      declaration: true,
      emitDeclarationOnly: true,
      allowImportingTsExtensions: true,
      outDir: 'dist',
      rootDir: 'src',
    },
    ...options,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
  const failed = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch((error: Failure) => error)
  return failed.stdout
}

test.each(['pnpm', 'npm'])(
  'a monorepo with declarations compiles from packed packages, installed by %s',
  async (tool) => {
    const folder = mkdtempSync(join(tmpdir(), 'commitcast-types-'))
    try {
      const tarballs = await packPackages(folder)
      const project = join(folder, 'project')
      const api = join(project, 'packages/api')
      mkdirSync(join(api, 'src'), { recursive: true })
      for (const [path, text] of Object.entries(files)) {
        if (tool === 'npm' && path === 'pnpm-workspace.yaml') continue
        writeFileSync(join(project, path), text)
      }
      for (const name of ['events', 'database', 'cast', 'router']) {
        const text = readFileSync(join(snippets, `trpc-app/${name}.ts`), 'utf8')
        // What a declaration names has to be exported, also by an application.
        writeFileSync(join(api, `src/${name}.ts`), text.replace(/^interface /m, 'export interface '))
      }
      const others = execFileSync('npm', ['config', 'get', 'registry'], { cwd: project, encoding: 'utf8' }).trim()
      await using registry = await startRegistry([...tarballs.values()], others)
      const install = tool === 'pnpm' ? ['-y', '--prefer-offline', packageManager, 'install'] : ['-y', 'npm', 'install']
      await promisify(execFile)('npx', install, {
        cwd: tool === 'pnpm' ? project : api,
        env: { ...process.env, npm_config_registry: registry.url, npm_config_prefer_offline: 'true', CI: 'true' },
      }).catch((error: Failure) => {
        throw new Error(`${tool} can't install:\n${error.stdout}\n${error.stderr}`, { cause: error })
      })
      expect(await compile(api, { module: 'nodenext' })).toBe('')
      expect(await compile(api, { module: 'esnext', moduleResolution: 'bundler' })).toBe('')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
  300_000,
)

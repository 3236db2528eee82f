import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const biome = createRequire(join(root, 'package.json')).resolve('@biomejs/biome/bin/biome')

interface Planted {
  readonly path: string
  readonly imported: string
}

/** Plants each import in a file of an otherwise empty copy of the tree; returns those that the project's rules refuse. */
function refused(planted: readonly Planted[], why: string): Planted[] {
  const copy = mkdtempSync(join(tmpdir(), 'commitcast-rules-'))
  try {
    copyFileSync(join(root, 'biome.json'), join(copy, 'biome.json'))
    planted.forEach(({ path, imported }, index) => {
      const file = join(copy, path.replace('planted', `planted-${index}`))
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, `export * as planted from '${imported}'\n`)
    })
    const options = [
      'lint',
      '--vcs-enabled=false',
      '--max-diagnostics=none',
      '--only=style/noRestrictedImports',
      '--reporter=github',
      '.',
    ]
    const { stdout } = spawnSync(process.execPath, [biome, ...options], { cwd: copy, encoding: 'utf8' })
    const lines = stdout.split('\n').filter((line) => line.includes(why))
    return planted.filter((_, index) => lines.some((line) => line.includes(`planted-${index}.`)))
  } finally {
    rmSync(copy, { recursive: true })
  }
}

/** Low to high; a package may import from those before it, and not all of them. */
const layers = ['events', 'worker', 'broker', 'outbox', 'aggregates', 'stream', 'live', 'commitcast'] as const
const nameOf = (layer: string) => (layer === 'commitcast' ? 'commitcast' : `@commitcast/${layer}`)
const inPackage = (name: string, imported: string): Planted => ({ path: `packages/${name}/src/planted.ts`, imported })

describe('the dependency rules refuse', () => {
  test('every import of a package that lies above', () => {
    const upward = layers.flatMap((low, index) => layers.slice(index + 1).map((high) => inPackage(low, nameOf(high))))
    expect(refused(upward, 'Arrows point down only')).toEqual(upward)
  })

  test('everything but the events in the browser package', () => {
    const upward = layers.slice(1).map((name) => inPackage('client', nameOf(name)))
    expect(refused(upward, 'Arrows point down only')).toEqual(upward)
  })

  test('apps and development servers in any package, so that no package goes without a rule', () => {
    const packages = readdirSync(join(root, 'packages'))
    const apps = packages.flatMap((name) =>
      ['@commitcast/bookshop', '@commitcast/servers'].map((app) => inPackage(name, app)),
    )
    expect(refused(apps, 'Arrows point down only')).toEqual(apps)
  })

  test("a reach into another package's src", () => {
    const reaches = [
      { path: 'apps/api/src/planted.ts', imported: '@commitcast/outbox/src/append.ts' },
      { path: 'test/planted.test.ts', imported: '../packages/outbox/src/append.ts' },
      { path: 'packages/live/src/planted.ts', imported: '../../outbox/src/append.ts' },
    ]
    expect(refused(reaches, 'entry points are its only doors')).toEqual(reaches)
  })
})

test('the dependency rules allow arrows that point down', () => {
  const downward = [inPackage('live', '@commitcast/outbox'), inPackage('client', '@commitcast/events')]
  expect(refused(downward, 'import')).toEqual([])
})

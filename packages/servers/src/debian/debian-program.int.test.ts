import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { runProgram } from '../local/run-program.ts'
import { debianProgram } from './debian-program.ts'
import { hasApt } from './private-apt.ts'

let cache: string
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'debian-'))
  vi.stubEnv('XDG_CACHE_HOME', cache)
})
afterEach(() => rm(cache, { recursive: true, force: true }))

describe.skipIf(!hasApt())('on Debian', () => {
  test('a package is unpacked once for callers at the same time, and leaves no draft', async ({ skip }) => {
    const nats = () => debianProgram('nats-server', 'nats-server')
    const both = await Promise.all([nats(), nats()]).catch((error: Error) => {
      const isOutOfReach = /Unable to locate|Failed to fetch|Could not resolve/.test(error.message)
      return isOutOfReach ? skip(`Debian's packages are out of reach: ${error.message}`) : Promise.reject(error)
    })
    expect(both[0]).toEqual(both[1])
    expect(both[0].path).toBe(join(cache, 'commitcast/debian/nats-server/usr/sbin/nats-server'))
    expect(await runProgram(both[0].path, ['--version'], { timeoutMs: 10_000 })).toMatch(/nats-server: v\d/)
    expect(await readdir(join(cache, 'commitcast/debian'))).toEqual(['nats-server'])
  })

  test('an unknown package fails with the words of apt-get', async () => {
    await expect(debianProgram('commitcast-no-such-package', 'x')).rejects.toThrow(
      /Unable to locate package commitcast-no/,
    )
    expect(await readdir(join(cache, 'commitcast/debian'))).toEqual([])
  })
})

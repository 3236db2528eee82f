import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest. One that started last would keep one worker busy while the others have nothing to do. */
const slow = [
  'test/torture/torture.test.ts',
  'test/guides/add-to-your-trpc-app.test.ts',
  'test/outbox/windows-crash.test.ts',
  'test/live/splits.test.ts',
  'test/outbox/take-over.test.ts',
]

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isSlow = ({ moduleId }: TestSpecification) => slow.some((path) => moduleId.endsWith(path))
    const sorted = await super.sort(files)
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))]
  }
}

// The workers, and the processes that tests start, compile each module once, not once each.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url))

export default defineConfig({
  test: {
    pool: 'forks',
    // Most tests wait for servers and processes: more files than cores run at once.
    maxWorkers: Math.max(3, availableParallelism()),
    sequence: { sequencer: SlowFirst },
    // Far longer than any test takes: a busy machine fails no test. A wait inside a test ends first, with its own error.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    teardownTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{packages/*,apps/*,torture}/src/**/*.test.ts'],
          exclude: ['**/*.int.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts', '{packages/*,torture}/src/**/*.int.test.ts'],
          globalSetup: ['test/global-setup.ts'],
          setupFiles: ['test/fixtures/quiet.ts'],
          // Node's own EventSource, for clients of server-sent events.
          execArgv: ['--experimental-eventsource'],
        },
      },
    ],
  },
})

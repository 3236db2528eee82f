import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
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
          // Node's own EventSource, for clients of server-sent events.
          execArgv: ['--experimental-eventsource'],
        },
      },
    ],
  },
})

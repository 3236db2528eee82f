import { QueryClient } from '@tanstack/react-query'
import { isPassing } from './words/error-words.ts'

/** Reads try again until the shop answers; commands are sent once, so that nothing is ordered twice. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: 'always',
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      retry: (_failures, error) => isPassing(error),
      retryDelay: (failures) => Math.min(5_000, 500 * 2 ** failures),
    },
    mutations: { networkMode: 'always', retry: false },
  },
})

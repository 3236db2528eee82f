export * from '../trpc-app/database.ts'

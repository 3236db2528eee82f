import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

const target = process.env.API_URL ?? 'http://127.0.0.1:3000'

export default defineConfig({
  plugins: [react()],
  server: {
    proxy: { '/trpc': { target, ws: true }, '/events': { target } },
  },
})

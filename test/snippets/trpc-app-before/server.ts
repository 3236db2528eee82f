import { createServer } from 'node:http'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { router } from './router.ts'

const http = createServer(createHTTPHandler({ router, basePath: '/trpc/' }))
const port = Number(process.env.PORT ?? 3000)
http.listen(port, () => console.log(`listening on port ${port}`))

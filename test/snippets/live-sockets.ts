import { createServer } from 'node:http'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { liveSockets } from 'commitcast'
import { WebSocketServer } from 'ws'
import { router } from './day-one.ts'

const http = createServer()
const createContext = () => ({ customerId: 'ada' })

// #region sockets
const wss = new WebSocketServer({ server: http, path: '/trpc' })
applyWSSHandler(liveSockets({ wss, router, createContext }))
// #endregion sockets

// Loaded into kinesis-local and dynalite before they start. Makes them listen on loopback, where kinesis-local asks for
// all interfaces, and end with LocalStack, however that ends.
'use strict'

const net = require('node:net')

const HOST = '127.0.0.1'
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (where, ...more) {
  if (typeof where === 'object' && where !== null) return listen.call(this, { ...where, host: HOST }, ...more)
  return listen.call(this, where, HOST, ...more.filter((each) => typeof each !== 'string'))
}

const parent = process.ppid
setInterval(() => process.ppid === parent || process.exit(), 1000).unref()

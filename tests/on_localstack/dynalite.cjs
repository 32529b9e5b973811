// Run as `node dynalite.cjs DYNALITE PORT`. Adds to dynalite the item that made a condition fail, which AWS returns.
'use strict'

const [dynalite, port] = process.argv.slice(2)
const db = require(`${dynalite}/db`)

for (const action of ['deleteItem', 'putItem', 'updateItem']) {
  const { types } = require(`${dynalite}/validations/${action}`)
  types.ReturnValuesOnConditionCheckFailure = { type: 'String', enum: ['ALL_OLD', 'NONE'] }
}

const check = db.checkConditional
db.checkConditional = (data, existing) => {
  const refusal = check(data, existing)
  if (refusal && existing && data.ReturnValuesOnConditionCheckFailure === 'ALL_OLD') refusal.body.Item = existing
  return refusal
}

require(dynalite)({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 }).listen(Number(port))

// What a test says: "ok PATH" for a row of the API that did as it should, "not ok PATH: why" else.
function ok(path, holds, detail) {
  if (holds) console.log(`ok ${path}`)
  else console.error(`not ok ${path}: ${detail === undefined ? 'it does not hold' : JSON.stringify(detail)}`)
}

// The members are there: a row "PATH.MEMBER" each.
function members(path, object, names) {
  for (const name of names) ok(`${path}.${name}`, object !== undefined && name in object, object)
}

function throws(f) {
  try {
    f()
  } catch (e) {
    return String(e.message)
  }
  return undefined
}

// An asynchronous function in its three forms; the outcomes of all of them, in order.
async function forms(f, options) {
  const heard = []
  const one = await f(options).then(r => ['ok', r], r => ['fail', r])
  await new Promise(resolve => {
    const value = f({
      ...options,
      success: r => heard.push(['ok', r]),
      fail: r => heard.push(['fail', r]),
      complete: r => { heard.push(['complete', r]); resolve() },
    })
    heard.push(['returned', value])
  })
  const [returned, outcome, complete] = heard
  const same = JSON.stringify(outcome) === JSON.stringify(one) && complete[0] === 'complete' &&
    complete[1] === outcome[1] && returned[0] === 'returned' && returned[1] === undefined && heard.length === 3
  return { how: one[0], res: one[1], same, heard }
}

const please = what => console.log(`please ${what}`)

module.exports = { ok, members, throws, forms, please }

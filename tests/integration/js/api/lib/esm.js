import numbers, { three } from './numbers.json'
import * as index from '.'

export { name as lib } from './index.js'
export let count = 1
export function more() { count++ }
export default numbers.three === three && index.name === 'lib' ? three : 0

-- What all scripts of this folder begin with: Redis's clock, a budget's windows and what is known of them.
-- KEYS: 1 since when this Redis has kept its counters, 2 the budget's state, then one for each window.
-- ARGV: 1 how many windows, then of each: requests, length, width, kept (see windows.py); then the script's own.
-- A script may write after it has asked for the time, as its effects are replicated, not its text (Redis 5 and later):
-- https://redis.io/docs/latest/develop/programmability/eval-intro/#script-replication
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local own = 4 * ARGV[1] + 2 -- where the script's own arguments begin

local function state_at(key)
  local known = {}
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do known[fields[i]] = tonumber(fields[i + 1]) end
  return known
end
local state = state_at(KEYS[2])

-- The twin of Count.settle, and of Budget.in_force.
local function settled(i, of)
  local state = of or state
  local at = 4 * i - 2
  local w = {key = KEYS[i + 2], length = ARGV[at + 1], width = tonumber(ARGV[at + 2]), kept = tonumber(ARGV[at + 3])}
  local published = (state['until:' .. w.length] or 0) > now and state['limit:' .. w.length]
  w.limit = published or tonumber(ARGV[at])
  w.current = math.floor(now / w.width)
  local counted = redis.call('HMGET', w.key, 'used', 'oldest', w.current)
  w.used, w.oldest, w.here = tonumber(counted[1]) or 0, tonumber(counted[2]), tonumber(counted[3]) or 0
  local first = w.current - w.kept + 1
  if w.oldest and w.oldest > w.current then -- the clock was put back
    redis.call('DEL', w.key)
    w.used, w.oldest, w.here = 0, nil, 0
  elseif w.oldest and w.oldest < first then
    for slot = w.oldest, first - 1 do
      local requests = redis.call('HGET', w.key, slot)
      if requests then
        w.used = w.used - requests
        redis.call('HDEL', w.key, slot)
      end
    end
    w.oldest = first
    redis.call('HSET', w.key, 'used', w.used, 'oldest', first)
  end
  return w
end

-- The twin of Count.add.
local function add(w, slot, requests)
  if slot <= w.current - w.kept then return end
  w.used = w.used + requests
  if slot == w.current and w.here > 0 then
    w.here = w.here + requests
    redis.call('HSET', w.key, 'used', w.used, slot, w.here)
    return
  end
  w.oldest = math.min(w.oldest or slot, slot)
  redis.call('HSET', w.key, 'used', w.used, 'oldest', w.oldest)
  local counted = redis.call('HINCRBY', w.key, slot, requests)
  redis.call('PEXPIRE', w.key, w.width * (w.kept + 1))
  if slot == w.current then w.here = counted end
end

-- Whole numbers in one text, which costs a client less to read than a list.
local function said(numbers)
  return table.concat(numbers, ' ')
end

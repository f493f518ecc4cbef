-- What a provider says of one window. Own arguments: its limit (0: unknown), how many requests it has counted
-- (-1: unknown), and for how many milliseconds it counts them.
local limit, spent, reset = tonumber(ARGV[own]), tonumber(ARGV[own + 1]), tonumber(ARGV[own + 2])
local w = settled(1)
if limit > 0 then
  w.limit = limit
  redis.call('HSET', KEYS[2], 'limit:' .. w.length, limit, 'until:' .. w.length, now + PUBLISHED_FOR)
  redis.call('PEXPIRE', KEYS[2], STATE_FOR)
end
-- The twin of used_by_others.
if spent - w.used > w.limit * NOT_WORTH_TELLING then
  local left = math.max(1, math.floor((w.limit - math.floor(w.limit / ONE_OF)) * LEFT_TO_US + 1e-9))
  local others = math.min(spent, w.limit - left) - w.used
  local slot = math.floor((now + reset) / w.width) - w.kept + 1
  if others > 0 then add(w, math.min(slot, w.current), others) end
end
return said({w.used, w.limit})

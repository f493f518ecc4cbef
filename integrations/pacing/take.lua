-- Spend so many requests, one or none, in all windows or in none. Own arguments: the Redis that the caller has told
-- what it used (0: it has nothing to tell), the share it may use, how many requests, whether what is untold is a total
-- of all workers, and what is untold: window, age, requests; ...
-- Returns -1 and this Redis's name when the caller has to tell first; else milliseconds to wait (0: there is room), the
-- name, and of each window what is used and the limit.
local remembered = redis.call('HMGET', KEYS[1], 'name', 'since')
local name, since = tonumber(remembered[1]), tonumber(remembered[2])
if not name then
  name, since = now, now
  redis.call('HSET', KEYS[1], 'name', now, 'since', now)
end
local told = tonumber(ARGV[own])
if told ~= 0 and told ~= name then return said({-1, name}) end

local windows = {}
for i = 1, tonumber(ARGV[1]) do windows[i] = settled(i) end
-- Of a total only that counts which is more than others have told.
local function each_untold(act)
  for i = own + 4, #ARGV, 3 do
    local w = windows[tonumber(ARGV[i])]
    act(w, math.floor((now - ARGV[i + 1]) / w.width), tonumber(ARGV[i + 2]))
  end
end
local part = {}
if ARGV[own + 3] == '1' then
  each_untold(function(w, _, requests) w.total = (w.total or 0) + requests end)
  for _, w in ipairs(windows) do part[w] = w.total and math.max(w.total - w.used, 0) / w.total end
end
each_untold(function(w, slot, requests)
  requests = math.ceil(requests * (part[w] or 1))
  if requests > 0 then add(w, slot, requests) end
end)

local share = ARGV[own + 1] * 1
if state.factor then
  share = share * math.min(1, state.factor + RECOVERY_A_MINUTE * math.max(now - state.factor_at, 0) / 60000)
end
if now - since < CAUTIOUS_FOR then share = share * CAUTIOUS_SHARE end

-- The twins of most and of Count.wait.
local function wait(w)
  local excess = w.used - math.max(1, math.floor((w.limit - math.floor(w.limit / ONE_OF)) * share + 1e-9)) + 1
  if excess <= 0 then return 0 end
  for slot = w.oldest, w.current do
    excess = excess - (redis.call('HGET', w.key, slot) or 0)
    if excess <= 0 then return math.max((slot + w.kept) * w.width - now, 1) end
  end
  return 1
end

local longest = math.max((state.blocked or 0) - now, 0)
for _, w in ipairs(windows) do longest = math.max(longest, wait(w)) end
local spent = longest == 0 and tonumber(ARGV[own + 2]) or 0
local answer = {math.ceil(longest), name}
for _, w in ipairs(windows) do
  if spent > 0 then add(w, w.current, spent) end
  answer[#answer + 1] = w.used
  answer[#answer + 1] = w.limit
end
return said(answer)

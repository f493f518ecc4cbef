-- Returns of each window what is used and the limit.
local answer = {}
for i = 1, tonumber(ARGV[1]) do
  local w = settled(i)
  answer[#answer + 1] = w.used
  answer[#answer + 1] = w.limit
end
return said(answer)

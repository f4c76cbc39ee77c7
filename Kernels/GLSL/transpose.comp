#version 460
// to[x][y] := from[y][x] of `rows` by `columns`, by way of a tile in shared memory, so that both sides go along rows.
const uint TILE = 16;
layout(local_size_x = TILE, local_size_y = TILE) in;
layout(set = 0, binding = 0, std430) writeonly buffer To { float to[]; };
layout(set = 0, binding = 1, std430) readonly buffer From { float from[]; };
layout(push_constant) uniform Arguments { uint rows, columns; };
shared float tile[TILE][TILE + 1];

void main() {
    uvec2 local = gl_LocalInvocationID.xy, corner = gl_WorkGroupID.xy * TILE;
    uvec2 place = corner + local;
    if (place.x < columns && place.y < rows)
        tile[local.y][local.x] = from[place.y * columns + place.x];
    barrier();
    place = corner.yx + local;
    if (place.x < rows && place.y < columns)
        to[place.y * rows + place.x] = tile[local.x][local.y];
}

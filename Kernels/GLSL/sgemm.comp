#version 460
// C := A B by tiles in shared memory; A is m by k, B is k by n, in row order.
const uint TILE = 16;
layout(local_size_x = TILE, local_size_y = TILE) in;
layout(set = 0, binding = 0, std430) writeonly buffer C { float c[]; };
layout(set = 0, binding = 1, std430) readonly buffer A { float a[]; };
layout(set = 0, binding = 2, std430) readonly buffer B { float b[]; };
layout(push_constant) uniform Arguments { uint m, n, k; };
shared float tile_a[TILE][TILE];
shared float tile_b[TILE][TILE];

void main() {
    uint column = gl_GlobalInvocationID.x, row = gl_GlobalInvocationID.y;
    uint x = gl_LocalInvocationID.x, y = gl_LocalInvocationID.y;
    float sum = 0;
    for (uint start = 0; start < k; start += TILE) {
        tile_a[y][x] = row < m && start + x < k ? a[row * k + start + x] : 0.0;
        tile_b[y][x] = column < n && start + y < k ? b[(start + y) * n + column] : 0.0;
        barrier();
        for (uint i = 0; i < TILE; i++)
            sum += tile_a[y][i] * tile_b[i][x];
        barrier();
    }
    if (column < n && row < m)
        c[row * n + column] = sum;
}

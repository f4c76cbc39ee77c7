#version 460
// SHA-256 (FIPS 180-4) of many messages of the same length, one per item, four bytes to a word, the first one lowest.
layout(local_size_x = 32) in;
layout(set = 0, binding = 0, std430) readonly buffer Messages { uint messages[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Digests { uint digests[]; };
// `stride` is the distance of two messages, in bytes.
layout(push_constant) uniform Arguments { uint count, message_length, stride; };

const uint K[64] = uint[64](
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u, 0xab1c5ed5u,
    0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu, 0x9bdc06a7u, 0xc19bf174u,
    0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu, 0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau,
    0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u, 0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u,
    0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu, 0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u,
    0xa2bfe8a1u, 0xa81a664bu, 0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u,
    0x19a4c116u, 0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u, 0xc67178f2u);

uint rotated(uint value, uint bits) { return value >> bits | value << (32 - bits); }

// Byte `i` of the padded message at byte `start`, of `blocks` blocks.
uint padded_byte(uint start, uint blocks, uint i) {
    if (i < message_length)
        return bitfieldExtract(messages[(start + i) / 4], int((start + i) % 4 * 8), 8);
    if (i == message_length)
        return 0x80;
    uint from_end = blocks * 64 - 1 - i;
    if (from_end < 4)
        return message_length << 3 >> from_end * 8 & 0xff;
    return from_end == 4 ? message_length >> 29 : 0;
}

void main() {
    uint item = gl_GlobalInvocationID.x;
    if (item >= count)
        return;
    uint state[8] = uint[8](
        0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au, 0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u);
    uint blocks = (message_length + 9 + 63) / 64;
    for (uint block = 0; block < blocks; block++) {
        uint w[64];
        for (uint i = 0; i < 16; i++) {
            uint word = 0;
            for (uint part = 0; part < 4; part++)
                word = word << 8 | padded_byte(item * stride, blocks, block * 64 + i * 4 + part);
            w[i] = word;
        }
        for (uint i = 16; i < 64; i++) {
            uint s0 = rotated(w[i - 15], 7) ^ rotated(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint s1 = rotated(w[i - 2], 17) ^ rotated(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        uint work[8] = state;
        for (uint i = 0; i < 64; i++) {
            uint a = work[0], e = work[4];
            uint s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
            uint t1 = work[7] + s1 + (e & work[5] ^ ~e & work[6]) + K[i] + w[i];
            uint s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
            uint t2 = s0 + (a & work[1] ^ a & work[2] ^ work[1] & work[2]);
            for (uint j = 7; j > 0; j--)
                work[j] = work[j - 1];
            work[4] += t1;
            work[0] = t1 + t2;
        }
        for (uint i = 0; i < 8; i++)
            state[i] += work[i];
    }
    for (uint i = 0; i < 8; i++)
        digests[item * 8 + i] = state[i];
}

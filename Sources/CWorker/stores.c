#define _GNU_SOURCE
#include "internal.h"

#if defined(__x86_64__)

/*
 * Steps over one instruction that writes to a range of zeros, as if memory had taken the write and forgotten it. Known
 * are the stores that compilers and libraries emit, string instructions, and the atomic ones: these find 0. What is
 * not known here (scatters, stores that reach out of the range) stays a fault.
 */

enum operation {
    STORE,
    EXCHANGE,
    EXCHANGE_ADD,
    COMPARE_EXCHANGE,
    ADD,
    OR,
    AND,
    SUBTRACT,
    EXCLUSIVE_OR,
    INCREMENT,
    DECREMENT,
};

struct instruction {
    const uint8_t *next;
    greg_t *registers;
    bool wide;         /* REX.W, VEX.W or EVEX.W */
    bool has_rex;
    bool narrow;       /* 66 */
    uint8_t repeat;    /* F2 or F3 */
    uint8_t high_reg, high_index, high_base; /* 8 or 0 */
    enum operation operation;
    uint32_t bytes;
    uint32_t immediate_bytes;
    uint32_t scale;    /* what a displacement of 8 bits counts in; 0 for the operand's size */
    uint8_t reg;
    bool operand_is_immediate;
    uint64_t immediate;
    uint64_t address;
};

static const int places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                               REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static uint64_t load(const uint8_t **bytes, uint32_t count) {
    uint64_t value = 0;
    for (uint32_t index = 0; index < count; index++) value |= (uint64_t)(*bytes)[index] << (8 * index);
    *bytes += count;
    return value;
}

static uint64_t sign_extended(uint64_t value, uint32_t bytes) {
    uint32_t shift = 64 - 8 * bytes;
    return (uint64_t)((int64_t)(value << shift) >> shift);
}

/* Reads the ModRM byte with what belongs to it, and the immediate behind it. False for a register. */
static bool read_operands(struct instruction *it) {
    uint8_t modrm = *it->next++;
    uint8_t mode = modrm >> 6, rm = modrm & 7;
    it->reg = (modrm >> 3 & 7) | it->high_reg;
    if (mode == 3) return false;
    uint64_t address = 0;
    bool is_relative = false;
    uint32_t displacement = mode == 1 ? 1 : mode == 2 ? 4 : 0;
    if (rm == 4) {
        uint8_t sib = *it->next++;
        uint8_t index = (sib >> 3 & 7) | it->high_index, base = sib & 7;
        if (index != 4) address += (uint64_t)it->registers[places[index]] << (sib >> 6);
        if (base == 5 && mode == 0) {
            displacement = 4;
        } else {
            address += (uint64_t)it->registers[places[base | it->high_base]];
        }
    } else if (rm == 5 && mode == 0) {
        is_relative = true;
        displacement = 4;
    } else {
        address += (uint64_t)it->registers[places[rm | it->high_base]];
    }
    if (displacement != 0) {
        uint64_t distance = sign_extended(load(&it->next, displacement), displacement);
        address += displacement == 1 ? distance * it->scale : distance;
    }
    if (it->immediate_bytes != 0) {
        it->immediate = sign_extended(load(&it->next, it->immediate_bytes), it->immediate_bytes);
    }
    if (is_relative) address += (uint64_t)it->next;
    it->address = address;
    return true;
}

static uint32_t operand_bytes(const struct instruction *it) {
    return it->wide ? 8 : it->narrow ? 2 : 4;
}

static bool store(struct instruction *it, uint32_t bytes, uint32_t immediate_bytes) {
    it->operation = STORE;
    it->bytes = bytes;
    it->immediate_bytes = immediate_bytes;
    return read_operands(it);
}

/* A read-modify-write of a register or, with `immediate_bytes`, an immediate. */
static bool modify(struct instruction *it, enum operation operation, uint32_t bytes, uint32_t immediate_bytes) {
    it->operation = operation;
    it->bytes = bytes;
    it->immediate_bytes = immediate_bytes;
    it->operand_is_immediate = immediate_bytes != 0;
    if (!read_operands(it)) return false;
    /* AH to BH are registers of their own. */
    return bytes > 1 || it->operand_is_immediate || it->has_rex || it->reg < 4;
}

/* Opcodes 80, 81 and 83, FE and FF: the operation is in the ModRM byte. */
static bool modify_group(struct instruction *it, uint32_t bytes, uint32_t immediate_bytes) {
    static const int arithmetic[8] = {ADD, OR, -1, -1, AND, SUBTRACT, EXCLUSIVE_OR, -1};
    uint8_t which = *it->next >> 3 & 7;
    if (immediate_bytes == 0) {
        if (which > 1) return false;
        it->has_rex = true; /* there is no register */
        return modify(it, which == 0 ? INCREMENT : DECREMENT, bytes, 0);
    }
    return arithmetic[which] >= 0 && modify(it, (enum operation)arithmetic[which], bytes, immediate_bytes);
}

static bool read_legacy(struct instruction *it, uint8_t opcode) {
    uint32_t full = operand_bytes(it), bytes = (opcode & 1) == 0 ? 1 : full;
    uint32_t immediate = bytes == 8 ? 4 : bytes;
    switch (opcode) {
    case 0x88: case 0x89: return store(it, bytes, 0);
    case 0xC6: case 0xC7: return (*it->next >> 3 & 7) == 0 && store(it, bytes, immediate);
    case 0x86: case 0x87: return modify(it, EXCHANGE, bytes, 0);
    case 0x00: case 0x01: return modify(it, ADD, bytes, 0);
    case 0x08: case 0x09: return modify(it, OR, bytes, 0);
    case 0x20: case 0x21: return modify(it, AND, bytes, 0);
    case 0x28: case 0x29: return modify(it, SUBTRACT, bytes, 0);
    case 0x30: case 0x31: return modify(it, EXCLUSIVE_OR, bytes, 0);
    case 0x80: case 0x81: return modify_group(it, bytes, immediate);
    case 0x83: return modify_group(it, full, 1);
    case 0xFE: case 0xFF: return modify_group(it, bytes, 0);
    default: return false;
    }
}

/* Opcodes behind 0F, or of VEX and EVEX map 1. `prefix` is 0, 66, F3 or F2; `vector` the vector's bytes. */
static bool read_map1(struct instruction *it, uint8_t opcode, uint8_t prefix, uint32_t vector) {
    uint32_t bytes;
    switch (opcode) {
    case 0x11: bytes = prefix == 0xF3 ? 4 : prefix == 0xF2 ? 8 : vector; break;
    case 0x13: case 0x17: bytes = 8; break;
    case 0x29: case 0x2B: bytes = vector; break;
    case 0x7E:
        if (prefix == 0xF3) return false;
        bytes = it->wide ? 8 : 4;
        break;
    case 0x7F: case 0xE7: bytes = prefix == 0 ? 8 : vector; break;
    case 0xD6: bytes = 8; break;
    default: return false;
    }
    if (it->scale == 0) it->scale = bytes;
    return store(it, bytes, 0);
}

/* Opcodes behind 0F 3A, or of VEX and EVEX map 3: parts of vectors. */
static bool read_map3(struct instruction *it, uint8_t opcode, uint32_t vector) {
    uint32_t bytes;
    switch (opcode) {
    case 0x14: bytes = 1; break;
    case 0x15: bytes = 2; break;
    case 0x16: bytes = it->wide ? 8 : 4; break;
    case 0x17: bytes = 4; break;
    case 0x19: case 0x39: bytes = 16; break;
    case 0x1B: case 0x3B: bytes = 32; break;
    case 0x1D: bytes = vector / 2; break;
    default: return false;
    }
    if (it->scale == 0) it->scale = bytes;
    return store(it, bytes, 1);
}

static bool read_vex(struct instruction *it, uint8_t escape) {
    static const uint8_t prefixes[4] = {0, 0x66, 0xF3, 0xF2};
    uint8_t first = *it->next++, map = 1, last = first;
    it->high_reg = (first & 0x80) == 0 ? 8 : 0;
    if (escape == 0xC4) {
        it->high_index = (first & 0x40) == 0 ? 8 : 0;
        it->high_base = (first & 0x20) == 0 ? 8 : 0;
        map = first & 0x1F;
        last = *it->next++;
        it->wide = (last & 0x80) != 0;
    }
    uint32_t vector = (last & 4) != 0 ? 32 : 16;
    uint8_t opcode = *it->next++;
    switch (map) {
    case 1: return read_map1(it, opcode, prefixes[last & 3], vector);
    case 2: return (opcode == 0x2E || opcode == 0x2F || opcode == 0x8E) && store(it, vector, 0);
    case 3: return (last & 3) == 1 && read_map3(it, opcode, vector);
    default: return false;
    }
}

static bool read_evex(struct instruction *it) {
    static const uint8_t prefixes[4] = {0, 0x66, 0xF3, 0xF2};
    uint8_t first = *it->next++, second = *it->next++, third = *it->next++;
    it->high_reg = (first & 0x80) == 0 ? 8 : 0;
    it->high_index = (first & 0x40) == 0 ? 8 : 0;
    it->high_base = (first & 0x20) == 0 ? 8 : 0;
    it->wide = (second & 0x80) != 0;
    it->scale = 0;
    uint32_t vector = UINT32_C(16) << (third >> 5 & 3);
    if (vector > 64 || (third & 0x10) != 0) return false;
    uint8_t opcode = *it->next++;
    switch (first & 7) {
    case 1:
        /* Without a prefix the vector forms are packed singles, not MMX. */
        if ((opcode == 0x7F || opcode == 0xE7) && (second & 3) == 0) return false;
        return read_map1(it, opcode, prefixes[second & 3], vector);
    case 3: return (second & 3) == 1 && read_map3(it, opcode, vector);
    default: return false;
    }
}

/* STOS and MOVS, which a repeat makes one long write. */
static bool step_string(struct instruction *it, uint8_t opcode, uint64_t end) {
    enum { DIRECTION = 0x400 };
    greg_t *registers = it->registers;
    uint32_t bytes = (opcode & 1) == 0 ? 1 : operand_bytes(it);
    uint64_t place = (uint64_t)registers[REG_RDI], room = end - place;
    if (room < bytes) return false;
    bool is_backward = (registers[REG_EFL] & DIRECTION) != 0;
    uint64_t wanted = it->repeat != 0 ? (uint64_t)registers[REG_RCX] : 1;
    uint64_t count = is_backward ? 1 : wanted < room / bytes ? wanted : room / bytes;
    uint64_t moved = is_backward ? -(uint64_t)bytes : count * bytes;
    if (opcode < 0xAA) {
        /* The source is read: where it is not there that is the fault. */
        const volatile uint8_t *source = (const volatile uint8_t *)registers[REG_RSI];
        for (uint64_t offset = 0; offset < count * bytes; offset += 4096) (void)source[offset];
        (void)source[count * bytes - 1];
        registers[REG_RSI] += (greg_t)moved;
    }
    registers[REG_RDI] += (greg_t)moved;
    if (it->repeat != 0) registers[REG_RCX] -= (greg_t)count;
    if (count == wanted) registers[REG_RIP] = (greg_t)it->next;
    return true;
}

static uint64_t mask_of(uint32_t bytes) {
    return bytes == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * bytes)) - 1;
}

static void set_register(struct instruction *it, uint8_t reg, uint64_t value) {
    greg_t *place = &it->registers[places[reg]];
    /* 32 bits clear the upper half, fewer leave the rest. */
    uint64_t mask = it->bytes == 4 ? UINT64_MAX : mask_of(it->bytes);
    *place = (greg_t)(((uint64_t)*place & ~mask) | value);
}

/* Gives the flags that a read-modify-write of 0 has, and its registers. */
static void apply(struct instruction *it) {
    enum { CARRY = 1, PARITY = 4, ADJUST = 0x10, ZERO = 0x40, SIGN = 0x80, OVERFLOW = 0x800 };
    uint64_t mask = mask_of(it->bytes);
    uint64_t operand =
        (it->operand_is_immediate ? it->immediate : (uint64_t)it->registers[places[it->reg]]) & mask;
    uint64_t result = operand;
    uint64_t changed = CARRY | PARITY | ADJUST | ZERO | SIGN | OVERFLOW, flags = 0;
    switch (it->operation) {
    case STORE: return;
    case EXCHANGE: set_register(it, it->reg, 0); return;
    case EXCHANGE_ADD: set_register(it, it->reg, 0); break;
    case COMPARE_EXCHANGE:
        result = (uint64_t)it->registers[REG_RAX] & mask;
        if (result != 0) set_register(it, 0, 0);
        break;
    case ADD: case OR: case EXCLUSIVE_OR: break;
    case AND: result = 0; break;
    case SUBTRACT:
        result = (0 - operand) & mask;
        if (operand != 0) flags |= CARRY;
        if ((operand & 0xF) != 0) flags |= ADJUST;
        if (operand == (mask >> 1) + 1) flags |= OVERFLOW;
        break;
    case INCREMENT:
        result = 1;
        changed &= ~(uint64_t)CARRY;
        break;
    case DECREMENT:
        result = mask;
        flags |= ADJUST;
        changed &= ~(uint64_t)CARRY;
        break;
    }
    if (result == 0) flags |= ZERO;
    if ((result & ~(mask >> 1)) != 0) flags |= SIGN;
    if (__builtin_parity((unsigned)(result & 0xFF)) == 0) flags |= PARITY;
    it->registers[REG_EFL] = (greg_t)(((uint64_t)it->registers[REG_EFL] & ~changed) | flags);
}

static bool read_escape(struct instruction *it, uint8_t opcode) {
    uint8_t prefix = it->repeat != 0 ? it->repeat : it->narrow ? 0x66 : 0;
    uint32_t bytes = (opcode & 1) == 0 ? 1 : operand_bytes(it);
    switch (opcode) {
    case 0xB0: case 0xB1: return modify(it, COMPARE_EXCHANGE, bytes, 0);
    case 0xC0: case 0xC1: return modify(it, EXCHANGE_ADD, bytes, 0);
    case 0xC3: return store(it, it->wide ? 8 : 4, 0);
    case 0x38: return *it->next++ == 0xF1 && it->repeat == 0 && store(it, operand_bytes(it), 0);
    case 0x3A: {
        uint8_t part = *it->next++;
        return it->narrow && part <= 0x17 && read_map3(it, part, 16);
    }
    default: return read_map1(it, opcode, prefix, 16);
    }
}

bool step_over_store(ucontext_t *context, uint64_t address) {
    uint64_t end = zeros_end(address);
    if (end == 0) return false;
    struct instruction it = {
        .next = (const uint8_t *)context->uc_mcontext.gregs[REG_RIP],
        .registers = context->uc_mcontext.gregs,
        .scale = 1,
    };
    uint8_t opcode;
    for (;;) {
        opcode = *it.next++;
        if (opcode == 0x66) {
            it.narrow = true;
        } else if (opcode == 0xF2 || opcode == 0xF3) {
            it.repeat = opcode;
        } else if (opcode != 0xF0 && opcode != 0x2E && opcode != 0x3E) {
            break;
        }
    }
    if ((opcode & 0xF0) == 0x40) {
        it.has_rex = true;
        it.wide = (opcode & 8) != 0;
        it.high_reg = (opcode & 4) != 0 ? 8 : 0;
        it.high_index = (opcode & 2) != 0 ? 8 : 0;
        it.high_base = (opcode & 1) != 0 ? 8 : 0;
        opcode = *it.next++;
    }
    bool is_known;
    switch (opcode) {
    case 0xA4: case 0xA5: case 0xAA: case 0xAB:
        return (uint64_t)it.registers[REG_RDI] == address && step_string(&it, opcode, end);
    case 0x0F:
        opcode = *it.next++;
        is_known = read_escape(&it, opcode);
        break;
    case 0xC4: case 0xC5: is_known = read_vex(&it, opcode); break;
    case 0x62: is_known = read_evex(&it); break;
    default: is_known = read_legacy(&it, opcode); break;
    }
    if (!is_known) return false;
    /* All of the operand must lie in zeros: a part that does not is written for real, or is a fault of its own. */
    uint64_t first = zeros_end(it.address);
    if (first == 0 || first - it.address < it.bytes) return false;
    apply(&it);
    it.registers[REG_RIP] = (greg_t)it.next;
    return true;
}

#else

/* Writes to zeros are faults on this processor (docs/softgpu.md). */
bool step_over_store(ucontext_t *context, uint64_t address) {
    (void)context;
    (void)address;
    return false;
}

#endif

#version 460
// y := a x + y by GPU addresses in push constants.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
layout(local_size_x_id = 0) in;
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float value; };
layout(push_constant) uniform Arguments {
    Floats y, x;
    float a;
    uint count;
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < count)
        y[i].value = a * x[i].value + y[i].value;
}

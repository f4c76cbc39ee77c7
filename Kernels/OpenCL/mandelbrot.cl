/* How many steps each point of the plane takes to leave, at most `limit`. */
kernel void mandelbrot(global uint *steps, uint width, uint height, float left, float top, float pitch, uint limit) {
    size_t column = get_global_id(0), row = get_global_id(1);
    if (column >= width || row >= height)
        return;
    float cx = left + pitch * column, cy = top + pitch * row;
    float x = 0, y = 0;
    uint step = 0;
    while (step < limit && x * x + y * y <= 4.0f) {
        float next = x * x - y * y + cx;
        y = 2.0f * x * y + cy;
        x = next;
        step++;
    }
    steps[row * width + column] = step;
}
